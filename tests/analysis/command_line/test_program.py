"""Commands that are suggested are spelled as this program was started."""

import sys
from pathlib import Path

import pytest

from analysis.command_line.options import FLAG, Option, Parser
from analysis.command_line.program import Program
from models.core.errors import ConfigError


@pytest.mark.parametrize(
    ("program", "line"),
    [
        (Program(), "python -m search inspect --run-id 'a b'"),
        (Program("search"), "search inspect --run-id 'a b'"),
        (Program.of_project("conda"), "mlflow run . -e inspect -P run_id='a b'"),
        (Program.of_project("uv"), "mlflow run . --env-manager uv -e inspect -P run_id='a b'"),
    ],
)
def test_a_command_is_spelled_as_the_program_was_started(program: Program, line: str) -> None:
    assert program.command("inspect", {"run_id": "a b"}) == line


def test_a_search_has_no_command_and_no_options_are_none() -> None:
    assert Program().command() == "python -m search"
    assert Program.of_project("local").command("", {"trials": 8}) == "mlflow run . --env-manager local -P trials=8"


@pytest.mark.parametrize(
    ("file", "start"),
    [("bin/search", "search"), ("bin/search-ui", "search"), ("search/__main__.py", "python -m search")],
)
def test_the_installed_program_is_known_by_its_name(monkeypatch: pytest.MonkeyPatch, file: str, start: str) -> None:
    monkeypatch.setattr(sys, "argv", [str(Path("/usr") / file)])
    assert Program.of_process().start == start


PARSER = Parser("it", "It.", [Option("run_id", "ID", "a run", required=True), Option("deep", FLAG, "deep", "false")])


def test_hyphens_and_underscores_are_the_same_and_a_flag_needs_no_value() -> None:
    for words in (["--run-id", "a_b", "--deep"], ["--run_id=a_b", "--deep", "true"]):
        assert PARSER.read(words) == {"run_id": "a_b", "deep": "true"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--run_idd", "x"], "'--run-idd' is no option; did you mean '--run-id'? (all options: it --help)"),
        (["--run", "x"], "'--run' is no option; did you mean '--run-id'?"),
        (["x"], "'x' is no option: an option begins with --"),
        (["--run-id"], "argument --run-id: expected one argument"),
        ([], "--run-id ID is missing: a run"),
    ],
)
def test_what_cannot_be_read_is_told_by_the_word_that_was_typed(words: list[str], said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        PARSER.read(words)
    assert said in str(refused.value)
