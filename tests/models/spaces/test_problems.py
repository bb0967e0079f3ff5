"""Every error of the user's code is told in one line, with the user's file and line."""

import time

import pytest

from models.core.errors import ConfigError
from models.spaces.calling import load_function
from models.spaces.planner import PlanRow, grid_rows, random_rows
from tests.models.spaces.conftest import SMALLEST, Write


def row_of(source: object, seconds: float | None = None) -> PlanRow:
    (row,) = random_rows(source, {}, 1, [0], seconds=seconds)  # type: ignore[arg-type]
    if row.problem:
        assert "\n" not in row.problem.message
    return row


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("raise ValueError('a\\nb')", "build.py line 3: ValueError: a b"),
        ("return 1 // 0", "build.py line 3: ZeroDivisionError: "),
        ("raise KeyError", "build.py line 3: KeyError"),
        ("import sys; sys.exit(3)", "build.py line 3: SystemExit: 3"),
        ("import nowhere", "build.py line 3: ModuleNotFoundError: No module named 'nowhere'"),
        ("return build(hp)", "build.py line 2: RecursionError: "),
        ("import helper; helper.fail()", "helper.py line 2: OSError: here"),
        (
            "hp.Choice('c', [None, 1])",
            "build.py line 3: hp.Choice 'c' must have numbers, words or booleans as values, got",
        ),
        ("hp.Choice('c', [(1, 2), (3, 4)])", "build.py line 3: hp.Choice 'c' must have numbers, words or booleans"),
        ("hp.Fixed('c', object())", "build.py line 3: hp.Fixed 'c' must have numbers, words or booleans"),
        ("hp.Choice('c', [1, 'a'])", "build.py line 3: hp.Choice 'c' must have choices of one type"),
        ("hp.Int('n', 1, 10**40)", "build.py line 3: hp.Int 'n' must have whole numbers up to 2**53"),
        ("hp.Nothing('n')", "build.py line 3: AttributeError: 'HyperParameters' object has no attribute 'Nothing'"),
        ("hp.Int('n')", "build.py line 3: TypeError: "),
        ("hp.Int('seed', 1, 2)", "build.py line 3: a hyperparameter may have any name but patience"),
        ("hp['units']", "build.py line 3: KeyError: 'units does not exist.'"),
        ("[hp.Int(f'n{i}', 1, 2) for i in range(1001)]", "a trial may have 1,000 hyperparameters, got more, 'n999'"),
        ("return None", "build must return a keras.Model (build.py line 1), got None"),
        ("return 'model'", "build must return a keras.Model (build.py line 1), got 'model'"),
        ("import keras; return keras.Sequential", "build must return a keras.Model (build.py line 1), got <class"),
    ],
)
def test_a_build_that_gives_no_network_is_told_in_a_line_of_the_users_file(write: Write, body: str, said: str) -> None:
    source = write(
        f"def build(hp):\n    hp.Boolean('first')\n    {body}\n", helper="def fail():\n    raise OSError('here')"
    )
    row = row_of(source)
    assert row.problem is not None
    assert row.problem.message.startswith("network build.py:build failed")
    assert said in row.problem.message
    assert len(row.problem.message) < 450
    assert row.parameters["first"] in (True, False)
    assert "models/spaces/calling.py" not in row.problem.traceback


def test_the_traceback_begins_in_the_users_code(write: Write) -> None:
    row = row_of(write("def build(hp):\n    return inner()\ndef inner():\n    raise OSError('no')\n"))
    assert row.problem is not None
    lines = [line.strip() for line in row.problem.traceback.splitlines() if not set(line) <= set(" ^")]
    assert ["build.py" in line for line in lines] == [True, False, True, False, False]
    assert lines[1::2] == ["return inner()", "raise OSError('no')"]
    assert lines[-1] == "OSError: no"


def test_a_loop_without_end_is_told_by_its_line(write: Write) -> None:
    started = time.monotonic()
    row = row_of(write("def build(hp):\n    n = hp.Int('n', 1, 3)\n    while True:\n        n += 1\n"), seconds=0.3)
    assert time.monotonic() - started < 20
    assert row.problem is not None
    assert "build.py line" in row.problem.message
    assert "it must return within 0.3 s, and did not" in row.problem.message
    assert list(row.parameters) == ["n"]
    swallowing = "    while True:\n        try:\n            1 / 0\n        except Exception:\n            pass\n"
    assert row_of(write(f"def build(hp):\n{swallowing}"), seconds=0.2).problem is not None
    assert row_of(write("def build(hp):" + SMALLEST), seconds=5).problem is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x = 1\nraise OSError('at once')\ndef build(hp): ...", "build.py line 2: OSError: at once"),
        ("import sys\nsys.exit('bye')\ndef build(hp): ...", "build.py line 2: SystemExit: bye"),
        ("while True:\n    pass\ndef build(hp): ...", "it must return within 0.3 s"),
        ("from helper import gone\ndef build(hp): ...", "build.py line 1: ImportError: cannot import name 'gone'"),
        ("import nowhere\ndef build(hp): ...", "build.py line 1: ModuleNotFoundError"),
        (
            "class build:\n    def __init__(self):\n        1/0\n    def build(self, hp): ...",
            "build.py line 3: ZeroDivisionE",
        ),
        ("def build(hp, units): ...", "called with, beside hp, input_shape and n_outputs, got the parameter 'units'"),
    ],
)
def test_a_file_that_cannot_be_loaded_is_refused_in_a_line(write: Write, text: str, said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        load_function(write(text, helper=""), {}, 0, seconds=0.3)
    assert said in str(refused.value)
    assert str(refused.value).startswith("network build.py:build failed")
    assert "\n" not in str(refused.value)


def test_a_function_of_keywords_is_not_asked_for_its_space(write: Write) -> None:
    source = write("def build(units=3):" + SMALLEST)
    for rows in (lambda: list(random_rows(source, {}, 1, [0])), lambda: grid_rows(source, {}, 1, 10)):
        with pytest.raises(ConfigError, match="build must be a function of hp or trial to be asked for its space"):
            rows()


@pytest.mark.parametrize(
    ("fit", "said"),
    [
        ("return None", "fit of Net must call model.fit of its network, and did not"),
        ("raise OSError('in fit')", "build.py line 7: OSError: in fit"),
        (
            "return model.fit(*args, batch_size=hp.Choice('batch_size', [None]), **kwargs)",
            "hp.Choice 'batch_size' must",
        ),
    ],
)
def test_a_fit_that_cannot_be_followed_is_told(write: Write, fit: str, said: str) -> None:
    source = write(
        "import keras\nclass Net:\n    def build(self, hp):\n        return keras.Sequential()\n\n"
        f"    def fit(self, hp, model, *args, **kwargs):\n        {fit}\n",
        "Net",
    )
    row = row_of(source)
    assert row.problem is not None
    assert said in row.problem.message


def test_names_and_values_of_any_kind_go_through_a_plan(write: Write) -> None:
    source = write("""
        import keras
        def build(hp):
            with hp.name_scope("block [0]"):
                hp.Int("größe (px)", 1, 3)
            hp.Float("x" * 500, 1e-320, 1e-300, sampling="log")
            hp.Choice("huge", [10**40, 1])
            hp.Choice("words", ["a,b", 'quote"', "new\\nline", "", "\\u2028", "层"])
            return keras.Sequential()
        """)
    rows = list(random_rows(source, {}, 1, range(20)))
    assert all(row.problem is None and len(row.parameters) == 4 for row in rows)
    assert {str(row.parameters["huge"]) for row in rows} == {"1" + "0" * 40, "1"}
