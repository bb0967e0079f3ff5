"""The class-room studies: their networks have the sizes that were counted by hand, on any data set they run."""

import io
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console

from benchmarks.seeds.__main__ import verdict
from benchmarks.seeds.reported import REPORTED
from models.data.reduction import count_asked
from models.networks.mlp import parameter_count
from search.command_line.options import read_options
from search.commands.dry_run import dry_run
from search.commands.preparation import prepare
from search.study.draws import make_plan
from search.study.study_file import STUDIES, load_settings
from tests.project import PROJECT

PIXELS = 28 * 28
COUNTS = {
    "one-node": [805],
    "two-nodes": [1_600],
    "best-mlp": [556_510, 556_510],
    "pca": [115_510],  # 154 components
    "forest": [56_710],  # 70 pixels
    "regularised": [535_818] * 3,
    "two-sizes": [55_050, 437_310, 51_450, 55_050],
    "smallest-95-baselines": [101_770, 13_287],
    "batch-norm": [244_554],
    "baseline": [101_770],
}


@pytest.mark.parametrize("study", COUNTS)
def test_its_networks_on_mnist_have_the_parameters_counted_by_hand(study: str) -> None:
    settings = load_settings(study)
    # How many components hold 95% of MNIST's variance only the data can tell.
    inputs = count_asked(settings.reduction, PIXELS) or 154
    counts = [parameter_count(trial.config, inputs, 10) for trial in make_plan(settings).trials]
    assert [every for every, _ in counts] == COUNTS[study]
    if study == "batch-norm":
        assert counts == [(244_554, 243_658)]


def test_the_notebooks_numbers_stand_beside_the_networks_that_repeat_them() -> None:
    for study, counts in COUNTS.items():
        places = {reported.number: reported.parameters for reported in REPORTED if reported.study == study}
        assert places == dict(enumerate(counts))


def test_a_notebooks_accuracy_is_judged_by_three_deviations_of_the_repeats() -> None:
    trials = pd.DataFrame({"test_accuracy": [0.96, 0.97, 0.98], "val_accuracy": [0.5, 0.6, 0.7]})
    one = replace(REPORTED[0], test=0.9999, validation=0.2)
    assert [verdict(replace(one, test=test), trials) for test in (0.9999, 0.9401, 0.9399)] == [
        "yes, +3.0", "yes, -3.0", "no, -3.0",
    ]  # fmt: skip
    assert verdict(replace(one, test=None), trials) == "no, -4.0 (validation)"
    assert verdict(one, trials[:1]) == "-"


@pytest.mark.slow
def test_the_benchmark_runs_on_digits_and_goes_on_with_more_repeats(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.seeds", "--dataset", "digits", "--folder", str(tmp_path)]
    for repeats in ("1", "2"):
        given = ["--studies", "one-node,pca,baseline", "--repeats", repeats]
        ran = subprocess.run([*command, *given], cwd=PROJECT, capture_output=True, text=True, timeout=600)
        assert ran.returncode == 0, ran.stdout + ran.stderr
        assert f"| {repeats} |" in ran.stdout
    assert "| training |" in ran.stdout


def test_the_search_for_the_smallest_network_looks_below_the_bottleneck_that_it_is_to_beat() -> None:
    trials = make_plan(load_settings("smallest-95")).trials
    assert max(parameter_count(trial.config, PIXELS, 10)[0] for trial in trials) < 13_287


@pytest.mark.parametrize("study", sorted(path.stem for path in STUDIES.glob("*.yaml")))
def test_every_study_is_planned_on_digits(study: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings = load_settings(study, data={"dataset": "digits"})
    printed = Console(file=io.StringIO(), width=120)
    search = prepare(settings, read_options(["--study", study]), printed, {})
    plan = search.plan
    dry_run(replace(search, finished=frozenset(plan.numbers)))  # nothing is left to be probed
    told = printed.file.getvalue()  # type: ignore[attr-defined]
    assert f"({plan.size} of them finished already)" in told


@pytest.mark.parametrize(
    ("options", "told"),
    [([], "with 1 worker ("), (["--workers", "0"], "in this process alone"), (["--workers", "2"], "with 1 worker,")],
)
def test_a_dry_run_says_what_its_time_is_told_for(
    options: list[str], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a study of one trial, so that two workers would be one too many."""
    monkeypatch.chdir(tmp_path)
    asked = read_options(["--study", "digits-random", "--trials", "1", *options])
    settings = load_settings("digits-random", trials=1)
    printed = Console(file=io.StringIO(), width=200)
    search = prepare(settings, asked, printed, {})
    dry_run(replace(search, finished=frozenset(search.plan.numbers)))
    assert told in printed.file.getvalue()  # type: ignore[attr-defined]
