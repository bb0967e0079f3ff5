"""TPE's gain over random search, as reported and on other seeds: `python -m benchmarks.adaptive [--searches 100]`.

Four complete tables (benchmarks.complete_tables) stand in for training. First, one study of each table runs through the
real command, planner, driver and both stores; its trials must be those that the planner alone draws. Then the planner
alone makes many whole searches. Their results are the law that studies of 20 and of 5 replicates are drawn from, so the
truth is known. One printed table shows TPE's reported gain and its gain on other seeds. Another shows how often the
report's statements about such studies are right. Exit code 1 if a study through the driver has other trials, or an
interval covers less than 0.935.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Mapping
from contextlib import chdir
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from analysis.estimates.intervals import limits_at
from benchmarks.complete_tables import CompleteTable, read_table
from benchmarks.coverage.laws import Law
from models.core.parameters import Scalar
from search.study.growing import TrialEnd
from search.study.plan import Plan
from search.study.reading import read_settings
from search.study.replicates import Replicates
from search.study.settings import START_UP, StudySettings

TABLES = ("kc1", "phoneme", "segment", "blood_transfusion")
EACH = 50
REPLICATES, FEW = 20, 5
RANDOM_TRIALS = 200
STUDIES = 2000
LEAST = 0.935
_TAIL = 0.025


@dataclass(frozen=True)
class Searches:
    """Whole searches of one table."""

    table: CompleteTable
    scores: np.ndarray
    """(replicates, trials) in the order of trials."""
    best: np.ndarray
    """(replicates,): the best score of each search, which a report would show."""
    on_other_seeds: np.ndarray
    """(replicates,): the mean score, over the other seeds, of the configuration with the best score."""


def settings_of(table: CompleteTable, replicates: int, each: int = EACH) -> StudySettings:
    return read_settings(
        {"sampler": "tpe", "replicates": replicates, "trials": each, "seed": 1, "space": dict(table.space)}, table.name
    )


def searched(table: CompleteTable, settings: StudySettings) -> Plan:
    """The whole plan, where the sampler learns each trial's result as soon as the trial is drawn."""
    growth = Replicates(settings, "maximize")
    plan, told = growth.plan, set[int]()
    while plan.undrawn or len(told) < plan.size:
        for trial in plan.trials:
            if trial.number not in told:
                told.add(trial.number)
                growth.told(trial.number, TrialEnd("complete", table.score(trial.parameters, trial.seed)))
        plan = growth.drawn() or plan
    return plan


def searches_of(table: CompleteTable, replicates: int) -> Searches:
    trials = searched(table, settings_of(table, replicates)).trials
    shape = EACH, replicates
    scores = np.array([table.score(trial.parameters, trial.seed) for trial in trials]).reshape(shape).T
    others = np.array([table.other_seeds(trial.parameters, trial.seed) for trial in trials]).reshape(shape).T
    chosen = scores.argmax(axis=1)
    rows = np.arange(replicates)
    return Searches(table, scores, scores[rows, chosen], others[rows, chosen])


def through_the_driver(table: CompleteTable, replicates: int = 3, each: int = 15) -> bool:
    """Whether a study by the real command has the trials and scores that the planner alone draws."""
    from rich.console import Console

    from benchmarks.engine import MadeUpEngine, made_up
    from search.command_line.options import read_options
    from search.commands import session

    class FromTable(MadeUpEngine):
        def outcome(self, job):  # type: ignore[no-untyped-def]
            made = made_up(job)
            asked: Mapping[str, Scalar] = {name: job.config.parameters()[name] for name in table.space}
            score = table.score({**asked, "width": job.config.width[0]}, job.seed)
            scores = made.result.scores | dict.fromkeys(("val_accuracy", "test_accuracy"), score)
            return replace(made, result=replace(made.result, scores=scores))

    settings = settings_of(table, replicates, each)
    with tempfile.TemporaryDirectory() as folder, chdir(folder):
        os.environ["MLFLOW_TRACKING_URI"] = f"sqlite:///{folder}/mlflow.db"
        Path("table.yaml").write_text(settings.to_yaml())
        options = read_options(["--study", "table.yaml"])
        code = session.run_search(options, Console(quiet=True), make=lambda *asked: FromTable())  # type: ignore[arg-type]
        from analysis.reading.mlflow_studies import read_mlflow

        frame = read_mlflow("table").frame
    plan = searched(table, settings)
    alone = [(trial.config.hash(), table.score(trial.parameters, trial.seed)) for trial in plan.trials]
    return code == 0 and list(zip(frame["config_hash"], frame["val_accuracy"], strict=True)) == alone


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.adaptive", description=__doc__)
    parser.add_argument("--searches", type=int, default=100, help="whole searches of each table (100)")
    given = parser.parse_args()
    right = True
    found = []
    for name in TABLES:
        table = read_table(name)
        same = through_the_driver(table)
        right &= same
        print(f"{name}: 3 replicates of 15 trials through the real command: {'the' if same else 'OTHER'} trials of the "
              "planner alone", flush=True)  # fmt: skip
        found.append(searches_of(table, given.searches))
    print(f"\nBest of {EACH} trials, TPE ({given.searches} searches) less random (exact), +- standard error")
    heads = "reported: TPE", "random", "gain", "other seeds: TPE", "random", "gain"
    print(f"{'table':20}" + "".join(f"{head:>20}" for head in heads))
    for one in found:
        law = one.table.random_law
        assert law.test is not None
        reported, fresh = law.expected(EACH, law.val), law.expected(EACH, law.test)
        print(
            f"{one.table.name:20}{one.best.mean():20.4f}{reported:20.4f}{_gain(one.best, reported):>20}"
            f"{one.on_other_seeds.mean():20.4f}{fresh:20.4f}{_gain(one.on_other_seeds, fresh):>20}"
        )
    print(
        f"\nShare of {STUDIES:,} studies a table for which a statement holds; intervals must hold for {LEAST} or more"
    )
    below = f"below all of {FEW}"
    print(f"{'table':20}{'mean of 20':>12}{'gain':>8}{'start-up, N = 1, 5, 10':>26}{below:>18} (1/{FEW + 1})")
    for one in found:
        shares = coverage(one)
        intervals = [shares["mean"], shares["gain"], *shares["start-up"]]
        right &= min(intervals) >= LEAST and shares["below"] <= 1 / (FEW + 1) + 0.02
        start_up = ", ".join(f"{share:.3f}" for share in shares["start-up"])
        print(f"{one.table.name:20}{shares['mean']:12.3f}{shares['gain']:8.3f}{start_up:>26}{shares['below']:18.3f}")
    return 0 if right else 1


def coverage(one: Searches) -> dict[str, object]:
    """Statement -> share of studies for which it holds; studies are drawn from the searches that were made."""
    random = np.random.default_rng(0)
    law = one.table.random_law
    picked = random.integers(len(one.best), size=(STUDIES, REPLICATES))
    values = np.sort(one.best[picked], axis=1)
    low, high = _ends(values, [1])
    low, high = np.minimum(low, values.mean(axis=1)[:, None]), np.maximum(high, values.mean(axis=1)[:, None])
    truth = one.best.mean()
    drawn = np.sort(law.val[law.draw(random, (STUDIES, RANDOM_TRIALS))], axis=1)
    random_low, random_high = _ends(drawn, [EACH])
    gain = truth - law.expected(EACH, law.val)
    of_first = Law.of("start-up", one.scores[:, :START_UP].ravel())
    first = np.sort(one.scores[picked[:, :, None], np.arange(START_UP)].reshape(STUDIES, -1), axis=1)
    ns = [1, 5, 10]
    first_low, first_high = _ends(first, ns)
    expected = np.array([of_first.expected(n, of_first.val) for n in ns])
    few = one.best[random.integers(len(one.best), size=(STUDIES, FEW + 1))]
    return {
        "mean": float(np.mean((low[:, 0] <= truth) & (truth <= high[:, 0]))),
        "gain": float(np.mean((low[:, 0] - random_high[:, 0] <= gain) & (gain <= high[:, 0] - random_low[:, 0]))),
        "start-up": [float(share) for share in np.mean((first_low <= expected) & (expected <= first_high), axis=0)],
        "below": float(np.mean(few[:, -1] < few[:, :-1].min(axis=1))),
    }


def _ends(levels: np.ndarray, ns: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """Low and high ends of the printed interval, two arrays (studies, N)."""
    parts = [limits_at(levels[k : k + 250], ns, (_TAIL,), (0.0, 1.0)) for k in range(0, len(levels), 250)]
    low, high = (np.concatenate([part[side][0] for part in parts]) for side in (0, 1))
    return low, high


def _gain(values: np.ndarray, other: float) -> str:
    return f"{values.mean() - other:+.4f} +- {values.std(ddof=1) / np.sqrt(len(values)):.4f}"


if __name__ == "__main__":
    sys.exit(main())
