"""The end of a search, in a table: the best trial, what the best of N reaches, and what to do next."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd
from rich.console import Console
from rich.table import Table

from analysis import curves
from analysis.best_of_n import BestOfN, Point, best_of_n
from analysis.pool import has_prefix, pool_of
from analysis.table import TrialTable
from models.config import Scalar
from search.plan import Plan

AT = (1, 5, 10, 20)


@dataclass(frozen=True)
class Summary:
    """The headline of a study: all of it from its trials table."""

    table: TrialTable
    best: pd.Series
    """The row with the best validation accuracy, the earliest on ties."""
    parameters: Mapping[str, Scalar]
    """Of the best trial: the searched ones that exist in it."""
    estimates: BestOfN | None
    """None while the plan has no finished beginning: what is there then may be the fast trials alone."""
    curve: dict[int, float]
    """Expected best validation accuracy for every N."""

    @property
    def test_standard_error(self) -> float:
        """Binomial: of the best trial's test accuracy, from the number of test rows."""
        accuracy = float(self.best["test_accuracy"])
        return math.sqrt(accuracy * (1 - accuracy) / (self.table.test_rows or 1))

    def note(self, link: str) -> str:
        """The parent run's description in the MLflow UI (Markdown)."""
        return (
            f"Best trial: [trial-{int(self.best['number']):04d}]({link}), validation accuracy "
            f"{self.best['val_accuracy']:.4f}, test accuracy {self.best['test_accuracy']:.4f} "
            f"± {self.test_standard_error:.4f} (standard error of the test set).\n\n"
            f"Chosen from {_states(self.table)}. Sampler {self.table.sampler}, seed {self.table.seed}, "
            f"data {(self.table.data_sha256 or '')[:12]}."
        )


def _states(table: TrialTable) -> str:
    counts = table.frame["state"].value_counts()
    return f"{len(table.frame)} trials ({', '.join(f'{count} {state}' for state, count in counts.items())})"


def summarise(table: TrialTable, plan: Plan) -> Summary | None:
    """The summary of a study, or None while no trial is complete."""
    complete = table.frame[table.frame["state"] == "complete"]
    if complete.empty:
        return None
    ranked = complete.sort_values(["val_accuracy", "number"], ascending=[False, True])
    parameters = plan.trials[int(ranked.iloc[0]["number"])].parameters
    if not has_prefix(table):
        return Summary(table, ranked.iloc[0], parameters, None, {})
    pool = pool_of(table)
    started = len(pool.val)
    estimates = best_of_n(table, at=[n for n in AT if n <= started] or [started])
    every = range(1, started + 1)
    curve = dict(zip(every, curves.best_val(pool.val, every).tolist(), strict=True))
    return Summary(table, ranked.iloc[0], parameters, estimates, curve)


def print_summary(summary: Summary, console: Console) -> None:
    best, table = summary.best, summary.table
    parameters = ", ".join(f"{name} {_plain(value)}" for name, value in summary.parameters.items())
    console.print()
    facts = Table(title=f"Study {table.study}: best trial", title_justify="left", show_header=False, box=None)
    facts.add_column(style="bold")
    facts.add_column()
    facts.add_row("trial", f"{int(best['number'])} (run {best['run_id']})")
    facts.add_row("parameters", parameters)
    facts.add_row("network", f"{int(best['n_parameters']):,} parameters, kept epoch {int(best['best_epoch'])}")
    facts.add_row("validation accuracy", f"{best['val_accuracy']:.4f}  (chosen by it: optimistic)")
    facts.add_row(
        "test accuracy",
        f"{best['test_accuracy']:.4f} ± {summary.test_standard_error:.4f}  "
        f"(standard error of {table.test_rows} test rows"
        + (", 0 because none was wrong)" if best["test_accuracy"] == 1 else ")"),
    )
    console.print(facts)
    console.print()
    if summary.estimates is None:
        console.print(
            "No estimate of best-of-N yet: the plan's first trials are not finished, and what is may be the fast ones."
        )
        return
    console.print(_best_of_n_table(summary.estimates))
    console.print(_pool_words(summary.estimates))


def _best_of_n_table(estimates: BestOfN) -> Table:
    words = Table(title="What the best of N trials reaches", title_justify="left")
    words.add_column("N", justify="right")
    words.add_column("expected best validation accuracy")
    words.add_column("expected test accuracy of the trial so chosen")
    started = estimates.trials["started"]
    for n, point in estimates.curves["best_val"].items():
        if n != started:  # N = M is no estimate: it is the maximum seen
            words.add_row(str(n), _with_interval(point), _with_interval(estimates.curves["test_of_best"][n]))
    seen = estimates.maximum_seen
    words.add_section()
    words.add_row(str(started), f"{seen['best_val']:.4f}  maximum seen", f"{seen['test_of_best']:.4f}")
    return words


def _pool_words(estimates: BestOfN) -> str:
    trials = estimates.trials
    states = ", ".join(f"{trials[state]} {state}" for state in ("complete", "failed", "pruned") if trials[state])
    head = (
        f"{trials['started']} trials ({states}), sampler {estimates.sampler}, seed {estimates.seed}, "
        f"data {(estimates.data_sha256 or '')[:12]}; intervals: 95%, where N allows one."
    )
    return "\n".join([head, *estimates.notes])


def _with_interval(point: Point) -> str:
    if point.low is None and point.high is None:
        return f"{point.value:.4f}"
    low = "" if point.low is None else f"{point.low:.4f}"
    high = "" if point.high is None else f"{point.high:.4f}"
    return f"{point.value:.4f}  [{low} to {high}]"


def _plain(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
