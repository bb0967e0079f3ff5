"""A command with excessive input ends at once in one line of bounded length, and makes nothing."""

import time
from pathlib import Path

import pytest

from analysis.__main__ import run as analyse
from search.__main__ import main

NINES = "9" * 5000
PAIRS = zip("abcdefgh", "bcdefghi", strict=True)
BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join(['*' + before] * 9)}]\n" for before, name in PAIRS
)


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    before, began = sorted(Path().rglob("*")), time.monotonic()
    assert main(list(arguments)) == 2
    printed = capsys.readouterr().err
    assert time.monotonic() - began < 10
    assert sorted(Path().rglob("*")) == before
    assert printed.count("\n") == 1
    assert "Traceback" not in printed
    assert len(printed) < 700
    return printed


@pytest.mark.usefixtures("workdir")
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--trials", NINES], "trials must be a whole number"),
        (["--seed", NINES], "seed must be a whole number"),
        (["--seed", "9223372036854775808"], "seed must be a whole number"),
        (["--workers", "\u00b2"], "workers must be auto or a whole number"),
        (["--models", f"best:{NINES}"], "models must be all, none or best:K"),
        (["--trials", "1000000000", "--dry-run"], "trials must be at most 100,000, got 1000000000"),
        (["--study", "x" * 300], "is no study"),
        (["--study", "x" * 300 + ".yaml"], "no such file"),
        (["--study", "~nosuchuser9/x.yaml"], "no such file"),
        (["--study", "digit-random"], "did you mean 'digits-random'?"),
        (["--dataset", "x" * 300 + ".npz"], "dataset"),
        (["--dataset", "~nosuchuser9/x.npz"], "no such file"),
        (["--storage", "sqlite:///" + "x" * 300], "storage must be a path that can be"),
        (["ui", "--mlflow-port", "5\u00b2"], "mlflow_port must be a whole number, 1 to 65535"),
        (["ui", "--mlflow-port", NINES], "mlflow_port must be a whole number, 1 to 65535"),
        (["confirm", "--study", "a", "--top", NINES], "top must be a whole number"),
    ],
)
def test_an_option_without_bounds_is_refused(
    capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    assert words in refused(capsys, *arguments)


@pytest.mark.usefixtures("workdir")
@pytest.mark.parametrize(
    ("study", "words"),
    [
        (
            "{sampler: grid, space: {width: {low: 1, high: 20000}, batch_size: {low: 1, high: 1000}}}",
            "a grid may have 100,000 cells, got more from width, batch_size",
        ),
        (
            "{sampler: grid, space: {dropout: {low: 0.0, high: 0.9, step: 1.0e-9}}}",
            "a grid may have 100,000 cells, got 900,000,001 values of dropout alone",
        ),
        ("{sampler: random, space: {width: {low: 1, high: 1e26}}}", "width must be a whole number, 1 to 1000000, got"),
        ("{sampler: random, space: {depth: [1000000000]}}", "depth must be a whole number, 0 to 1000, got 1000000000"),
        ("{sampler: random, space: {width: ['" + "8-" * 5000 + "8']}}", "1,000 hidden layers at most, got 5,001"),
        (f"{{sampler: random, seed: {NINES}, space: {{width: [8]}}}}", "a whole number may have 40 digits"),
        ("{sampler: random, trials: 200000, space: {width: [8]}}", "trials must be at most 100,000, got 200000"),
        (BOMB, "a study file may have 100,000 values, its aliases written out, got more"),
        ("space: " + "[" * 5000 + "]" * 5000, "a study file must not nest so deeply"),
        ("description: " + "x" * 2_000_000, "a study file may have 1,000,000 bytes"),
        ("{sampler: random, space: [" + ", ".join(["8"] * 5000) + "]}", "space must name the parameters"),
        ("{sampler: random, seed: 010, space: {width: [8]}}", "so that it has one meaning, got '010'"),
        ("{sampler: random, seed: 1:30, space: {width: [8]}}", "so that it has one meaning, got '1:30'"),
        ("{[a]: b}", "a study must be a YAML file, got 'own.yaml'"),
    ],
)
def test_a_study_without_bounds_is_refused(capsys: pytest.CaptureFixture[str], study: str, words: str) -> None:
    Path("own.yaml").write_text(study)
    assert words in refused(capsys, "--study", "own.yaml")


@pytest.mark.usefixtures("workdir")
@pytest.mark.parametrize("extra", [["--target", "nan"], ["--target", "0.9,inf"], ["--at", NINES]])
def test_the_reports_numbers_are_finite(extra: list[str]) -> None:
    Path("t.csv").write_text("number,state,val_accuracy\n0,complete,0.5\n")
    with pytest.raises(ValueError, match=r"(finite numbers|numbers separated by commas): got ") as refusal:
        analyse(["--trials", "t.csv", "--sampler", "random", "--out", "r", *extra])
    assert len(str(refusal.value)) < 300
    assert not Path("r").exists()
