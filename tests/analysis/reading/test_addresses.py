"""Addresses are read by SQLAlchemy, and nothing of a password is shown, whoever wrote the text around it."""

from pathlib import Path

import pytest

from analysis.reading.addresses import in_few_words, in_one_line, password_apart, shortened, shown_address, sqlite_file
from analysis.reading.addresses import without_secrets as clean


@pytest.mark.parametrize(
    ("url", "file"),
    [
        ("sqlite:///optuna.db", "optuna.db"),
        ("sqlite:///optuna.db?timeout=30", "optuna.db"),
        ("sqlite+pysqlite:////abs/a b.db", "/abs/a b.db"),
        ("sqlite:///file:x.db?mode=ro&uri=true", "x.db"),
        ("sqlite://", None),
        ("sqlite:///:memory:", None),
        ("postgresql://h/x", None),
        ("http://127.0.0.1:5000", None),
        ("http://x:y", None),
        ("./mlruns", None),
    ],
)
def test_the_file_of_an_sqlite_address(url: str, file: str | None) -> None:
    assert sqlite_file(url) == (None if file is None else Path(file))


SECRETS = ("sec", "ret", "sswordX", "p/w", "geheim")
TEXTS = [
    "postgresql://me:sec@ret@127.0.0.1:9/x",
    "got 'postgresql://me:sec ret@127.0.0.1/x': no",
    "postgresql://me@h/x?sslpassword=geheim&connect_timeout=5",
    "me:sec@ret@h/1",
    "http://boss:pa@sswordX@127.0.0.1:9",
    "failed to resolve host 'sswordX@127.0.0.1': name unknown",
    "HTTPConnectionPool(host='sswordX@127.0.0.1', port=9)",
    "postgresql://u:p/w@h/d",
    "mysql://u:geheim@h:3306/d and sqlite:///optuna.db",
    "connection string: host=h password=geheim dbname=x",
    "connection string: password='sec ret' host=h",
]


@pytest.mark.parametrize("text", TEXTS)
def test_no_part_of_a_password_is_shown(text: str) -> None:
    for words in (clean(text), shown_address(text), in_one_line(RuntimeError(text)), in_few_words(RuntimeError(text))):
        assert not [secret for secret in SECRETS if secret in words], words


def test_a_secret_parameter_goes_to_its_very_end() -> None:
    assert shown_address("postgresql://h/x?a=1&PASSWORD=sec ret&b=2") == "postgresql://h/x?a=1&PASSWORD=***&b=2"


def test_what_holds_no_secret_stays_as_it_is() -> None:
    for text in (
        "http://127.0.0.1:5000/#/experiments/1",
        "sqlite:///optuna.db",
        "see http://a.b/c and 'postgresql://h:5/x'",
        "CPU @ 2.20GHz",
    ):
        assert clean(text) == text


def test_a_databases_user_without_a_password_is_shown_so_that_the_command_can_be_typed_again() -> None:
    for address in ("postgresql://search@127.0.0.1:5432/optuna", "postgresql+psycopg2://me@[::1]/x"):
        assert clean(address) == shown_address(address) == address
    assert shown_address("http://token@127.0.0.1:5000/x") == "http://***@127.0.0.1:5000/x"
    assert clean("postgresql://me@h/x?password=geheim") == "postgresql://***@h/x?password=***"


def test_an_address_that_does_not_parse_is_not_shown() -> None:
    assert shown_address("me:sec@ret@h/1") == "(not shown: it may hold a password)"
    assert shown_address("postgresql://u:p w/x@h/d") == "postgresql://***@h/d"


def test_a_program_gets_the_password_apart() -> None:
    address, variables = password_apart("postgresql://u:p%40w@h/d")
    assert (address, variables) == ("postgresql://u@h/d", {"PGPASSWORD": "p@w"})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "API request to http://h:1/api/2.0/mlflow/runs/log failed with exception HTTPConnectionPool(host='h', "
            "port=1): Max retries exceeded with url: /api/2.0/mlflow/runs/log-inputs (Caused by NewConnectionError("
            "'<urllib3.connection.HTTPConnection object>: Failed to establish a new connection: [Errno 111] Connection "
            "refused'))",
            "Connection refused",
        ),
        ("API request to endpoint failed with error code 503 != 200", "HTTP 503"),
        ("Read timed out. (read timeout=10)", "timed out"),
        ("database or disk is full", "database or disk is full"),
    ],
)
def test_an_outage_is_told_by_its_reason(text: str, words: str) -> None:
    assert in_few_words(RuntimeError(text)) == words


def test_text_is_cut_between_words() -> None:
    assert shortened("one two three", 9) == "one two ..."
    assert shortened("one two", 9) == "one two"
