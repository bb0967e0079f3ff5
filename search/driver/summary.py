"""The end of a search: the trial found, what a search of N trials reaches on average, and what more would buy."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pandas as pd
from rich.console import Console
from rich.table import Table

from analysis.adaptive import words as of_replicates
from analysis.adaptive.replicates import Replicates, replicates_of
from analysis.estimates import curves
from analysis.estimates.best_of_n import BestOfN, best_of_n
from analysis.estimates.notes import NOT_DETERMINISTIC, counted, is_loose, mixed_words
from analysis.reading.cv_results import cv_results
from analysis.reading.pool import has_prefix, pool_of
from analysis.reading.table import TrialTable
from analysis.report.cross_validation import refit_words
from analysis.report.second_looks import baseline_rows, baseline_sentence
from analysis.report.sentences import has_intervals, led, more_sentences, quoted, tested_score, validation_score
from models.core import names, states
from models.core.parameters import Scalar
from models.core.rounding import plain_score
from search.study.plan import Plan

AT = (1, 5, 10, 20)
_BRACKETS = "brackets: 95% intervals, of averages shown by simulation to cover."
_EXACT = "averages are exact for these trials."
_MOST_ROWS = 20  # of the table of folds


@dataclass(frozen=True)
class Summary:
    """The headline of a study, computed from its trials table alone."""

    table: TrialTable
    best: pd.Series
    """The row with the best validation score, the earliest on ties."""
    parameters: Mapping[str, Scalar]
    """The searched parameters that exist in the best trial."""
    estimates: BestOfN | None
    """None while the plan's first trials are not finished: the finished trials may be the fast ones alone."""
    curve: dict[int, float]
    """Expected best validation score for every N."""
    replicates: Replicates | None = None
    """The results of an adaptive search, which has no estimates."""

    @property
    def runs(self) -> dict[str, str]:
        """The runs to look at first, by the parent's tag that names each of them."""
        refit = self.table.refit
        return {names.BEST_RUN_ID: str(self.best["run_id"])} | ({names.REFIT_RUN_ID: refit.run_id} if refit else {})

    @property
    def scores(self) -> dict[str, float]:
        """Metrics that MLflow's UI compares studies by: of the trial found, expected values, counts of trials."""
        objective, states_found = self.table.objective, self.table.frame[names.STATE]
        found = {names.BEST + objective.name: float(self.best[objective.name])}
        if self.table.tested:
            found[names.BEST + objective.test_name] = float(self.best[objective.test_name])
        made = self.estimates or self.replicates
        test = None if made is None else made.found.test
        ends = {} if test is None else {names.LOW: test.low, names.HIGH: test.high}
        for end, value in ends.items():
            if value is not None:
                found[names.BEST + objective.test_name + end] = value
        found |= {f"{names.EXPECTED}{n}": self.curve[n] for n in (10, 20) if n in self.curve}
        return found | {
            names.TRIALS_COMPLETE: float((states_found == states.COMPLETE).sum()),
            names.TRIALS_FAILED: float((states_found == states.FAILED).sum()),
        }

    def note(self, link: Callable[[str], str]) -> str:
        """The parent run's description in the MLflow UI (Markdown); `link` gives the address of a run."""
        table, refit, objective = self.table, self.table.refit, self.table.objective
        validation = validation_score(table, float(self.best[objective.name]))
        best = f"Trial found: [trial-{int(self.best['number']):04d}]({link(str(self.best['run_id']))}), "
        if table.folds:
            reached = f"mean {objective.label} over {table.folds} folds {validation}."
        else:
            reached = (
                f"validation {objective.label} {validation} (chosen by it, so optimistic), test {objective.label} "
                f"{tested_score(table, float(self.best[objective.test_name]))}."
            )
        if refit is not None:
            reached += f"\n\n[Refit]({link(refit.run_id)}): test {objective.label} {tested_score(table, refit.test)}."
        return (
            f"{best}{reached} {baseline_sentence(table)}\n\n"
            f"{self._averages()}"
            f"Chosen from {_states(self.table)}. Sampler {self.table.sampler}, seed {self.table.seed}, "
            f"data {(self.table.data_sha256 or '')[:12]}."
            + (f"\n\n{NOT_DETERMINISTIC}" if is_loose(self.table) else "")
            + (f"\n\n{mixed_words(self.table)}" if self.table.trained_with else "")
        )

    def _averages(self) -> str:
        """The averages of best-of-N and the gain of further trials, as Markdown."""
        if self.replicates is not None:
            return "\n\n".join([*of_replicates.sentences(self.replicates, self.table.start_up_trials or 0), ""])
        if self.estimates is None:
            return ""
        lines = [f"- {n}: {validation}" for n, validation, *_ in _rows(self.estimates)]
        more = [*more_sentences(self.estimates), *(f"Flagged: {reason}" for reason in self.estimates.flags)]
        return "\n".join(["What a search of N trials reaches on average, on validation:\n", *lines, "", *more, "", ""])


def _states(table: TrialTable) -> str:
    counts = table.frame[names.STATE].value_counts()
    return f"{len(table.frame)} trials ({', '.join(f'{count} {state}' for state, count in counts.items())})"


def summarise(table: TrialTable, plan: Plan) -> Summary | None:
    """The summary of a study, or None while no trial is complete."""
    best = table.best
    if best is None:
        return None
    planned = plan.get(int(best["number"]))
    parameters = {} if planned is None else planned.parameters
    if table.replicates is not None:
        return Summary(table, best, parameters, None, {}, replicates_of(table))
    if not has_prefix(table):
        return Summary(table, best, parameters, None, {})
    pool = pool_of(table)
    started = len(pool.val)
    estimates = best_of_n(table, at=sorted({*(n for n in AT if n <= started), started}))
    every = range(1, started + 1)
    curve = dict(zip(every, curves.best_val(pool.val, every, table.objective.direction).tolist(), strict=True))
    return Summary(table, best, parameters, estimates, curve)


def print_summary(summary: Summary, console: Console) -> None:
    table = summary.table
    console.print()
    console.print(_facts_table(summary))
    if baseline_sentence(table):
        console.print(baseline_sentence(table), markup=False, highlight=False)
    console.print()
    if table.folds:
        console.print(_folds_table(table))
        console.print()
    if summary.replicates is not None:
        _print_replicates(table, summary.replicates, console)
        return
    if summary.estimates is None:
        console.print(
            "No estimate of best-of-N yet: the plan's first trials are not finished, and the finished ones may be the "
            "fast ones."
        )
        return
    console.print(_best_of_n_table(summary.estimates))
    for sentence in more_sentences(summary.estimates):
        console.print(sentence, highlight=False)
    console.print()
    console.print(_pool_words(summary.estimates))


def _facts_table(summary: Summary) -> Table:
    """The facts of the trial found, one a line."""
    best, table, objective = summary.best, summary.table, summary.table.objective
    validation = validation_score(table, float(best[objective.name]))
    parameters = ", ".join(f"{name} {_plain(value)}" for name, value in summary.parameters.items())
    facts = Table(title=f"Study {table.study}: the trial found", title_justify="left", show_header=False, box=None)
    facts.add_column(style="bold")
    facts.add_column()
    facts.add_row("trial", f"{int(best['number'])} (run {best['run_id']})")
    facts.add_row("parameters", parameters)
    size = f"{int(best[names.N_PARAMETERS]):,} parameters"
    if table.folds:
        facts.add_row("network", size)
        facts.add_row(objective.label, f"{validation}  (mean of {table.folds} folds; chosen by it: optimistic)")
        facts.add_row("refit", refit_words(table))
    else:
        facts.add_row("network", f"{size}, kept epoch {int(best[names.BEST_EPOCH])}")
        facts.add_row(f"validation {objective.label}", f"{validation}  (chosen by it: optimistic)")
        facts.add_row(f"test {objective.label}", tested_score(table, float(best[objective.test_name])))
    for how, count in _ways_of_training(table).items():
        facts.add_row("trained by", f"{how} ({counted(count)})")
    for what, on_validation, on_test in baseline_rows(table):
        facts.add_row("baseline", f"{what}: {plain_score(on_validation)}, on test {plain_score(on_test)}")
    return facts


def _print_replicates(table: TrialTable, found: Replicates, console: Console) -> None:
    shown = Table(title=f"What one search of {counted(found.each)} reached", title_justify="left")
    for name in of_replicates.search_head(table):
        shown.add_column(name, justify="right")
    for row in of_replicates.search_rows(table, found)[:_MOST_ROWS]:
        shown.add_row(*row)
    console.print(shown)
    if len(found.searches) > _MOST_ROWS:
        console.print(f"and {len(found.searches) - _MOST_ROWS} more searches")
    for sentence in of_replicates.sentences(found, table.start_up_trials or 0):
        console.print(sentence, highlight=False)
    console.print()
    console.print(
        f"{_states(table)}, sampler {table.sampler}, {len(found.searches)} replicates, seed {table.seed}, data "
        f"{(table.data_sha256 or '')[:12]}; brackets: 95% intervals.",
        highlight=False,
    )
    if table.trained_with:
        console.print(mixed_words(table), markup=False, highlight=False)


def _ways_of_training(table: TrialTable) -> dict[str, int]:
    """How a network of the user's own was trained, and how many trials were trained in each way."""
    if names.TRAINED_BY not in table.frame:
        return {}
    ways = table.frame.loc[table.scored, names.TRAINED_BY]
    return {str(how): int(count) for how, count in ways[ways != ""].value_counts().items()}


def _folds_table(table: TrialTable) -> Table:
    """The best rows of cv_results.csv, in its order."""
    found = cv_results(table)
    shown = found[found["rank_test_score"] <= _MOST_ROWS]
    more = "" if len(shown) == len(found) else f", the best {len(shown)} of {len(found)}"
    words = Table(
        title=f"{table.objective.heading} over the folds (std: population; cv_results.csv){more}",
        title_justify="left",
    )
    parameters = [name for name in found.columns if name.startswith("param_")]
    splits = [name for name in found.columns if name.startswith("split")]
    folds = [name.removesuffix("_test_score") for name in splits]
    for name in (*(name.removeprefix("param_") for name in parameters), "rank", "mean", "std", *folds, "fit time"):
        words.add_column(name, justify="right")
    for _, row in shown.iterrows():
        scores = (plain_score(row[name]) for name in ("mean_test_score", "std_test_score", *splits))
        time = f"{row['mean_fit_time']:.2f} ± {row['std_fit_time']:.2f} s"
        words.add_row(*(_plain(row[name]) for name in parameters), str(row["rank_test_score"]), *scores, time)
    return words


def _best_of_n_table(estimates: BestOfN) -> Table:
    words = Table(title="What a search of N trials reaches on average", title_justify="left")
    words.add_column("N", justify="right")
    words.add_column(f"best validation {estimates.objective.label}")
    if "test_of_best" in estimates.curves:
        words.add_column(f"test {estimates.objective.label} of the trial so chosen")
    for row in _rows(estimates):
        words.add_row(*row)
    return words


def _rows(estimates: BestOfN) -> list[list[str]]:
    """The rows of the table of averages; the last row names the trial found.

    Where N is more than a tenth of the trials, the one-sided limit stands first.
    """
    val, test, m = estimates.curves["best_val"], estimates.curves.get("test_of_best"), estimates.trials["started"] or 0
    mark = " *" if estimates.flags else ""
    rows = []
    for n, point in val.items():
        cells = [str(n), led(estimates, n) + (mark if point.low is not None else "")]
        if test is not None:
            found = "the best of these" if estimates.trials["left_out"] else "found"
            own = f"trial {estimates.found.number} {found}, this network: " if n == m else ""
            cells.append(f"{own}{quoted(test[n])}" + (mark if test[n].low is not None and n != m else ""))
        rows.append(cells)
    return rows


def _pool_words(estimates: BestOfN) -> str:
    trials = estimates.trials
    counted = ", ".join(
        f"{trials[state]} {state}" for state in (states.COMPLETE, states.FAILED, states.PRUNED) if trials[state]
    )
    head = (
        f"{trials['started']} trials ({counted}), sampler {estimates.sampler}, seed {estimates.seed}, "
        f"data {(estimates.data_sha256 or '')[:12]}; {_BRACKETS if has_intervals(estimates) else _EXACT}"
    )
    flagged = [f"* flagged: {reason}" for reason in estimates.flags]
    return "\n".join([head, *flagged, *(note for note in estimates.notes if note not in estimates.flags)])


def _plain(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
