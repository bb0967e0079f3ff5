"""Sentences that stand beside the estimates: what the numbers rest on, and what the numbers do not say."""

from __future__ import annotations

from collections.abc import Iterator

from analysis.reading.pool import Pool
from analysis.reading.table import TrialTable
from models.core import names, states
from models.tasks.baselines import describe_baseline
from models.tasks.objective import CONSTANT

STOPPED = (
    "The search ended by its own stop rule: the sample size was not fixed in advance, and the "
    "intervals do not account for that."
)
BY_LENGTH = (
    "The search was cut off and all finished trials are used: fast trials are over-represented, the pool is biased by "
    "length."
)

NOT_DETERMINISTIC = (
    "The study allows operations whose results may differ from run to run (deterministic: false): a trial that is "
    "trained again may come out differently."
)


def is_loose(table: TrialTable) -> bool:
    """Whether some trial was allowed operations whose results may differ from run to run."""
    said = table.frame.get(names.DETERMINISTIC)
    return said is not None and bool((said.astype(str).str.lower() == "false").any())


def mixed_words(table: TrialTable) -> str:
    """The package versions, threads or processors in which the complete trials differ, in a sentence."""
    told = (
        f"{name} ({', '.join(f'{value}: {counted(count)}' for value, count in values.items())})"
        for name, values in table.trained_with.items()
    )
    return (
        f"Trials were trained with different {'; '.join(told)}: a trial is reproduced bit for bit only with the value "
        "that it was trained with."
    )


def flags_of(table: TrialTable, pool: Pool, trend: str | None) -> tuple[str, ...]:
    """Why the intervals may cover less often than their level says: shown beside each interval."""
    found = (trend, BY_LENGTH if pool.by_length else None, STOPPED if table.stopped_early else None, *table.flags)
    return tuple(reason for reason in found if reason is not None)


def notes_of(table: TrialTable, pool: Pool, *, exact: bool, tied: int) -> tuple[str, ...]:
    """The sentences for this study, the most limiting first; `tied` trials are equal in the best score."""
    return (
        *_pruned_notes(pool),
        *_replay_notes(table),
        *_length_notes(table, pool),
        *_failure_notes(table, pool),
        *_sampler_notes(table, pool),
        *_choice_notes(table, pool, tied),
        *_error_notes(table, pool, exact),
    )


def _pruned_notes(pool: Pool) -> Iterator[str]:
    if pool.pruned:
        side = "a lower" if pool.sign > 0 else "an upper"
        yield (
            f"{_were(pool.pruned)} pruned, at a score of {pool.worst:.4g}: what the best of N reaches is {side} bound "
            "of what the search would have reached without pruning."
        )


def _replay_notes(table: TrialTable) -> Iterator[str]:
    """Why a trial that is trained again may come out otherwise."""
    if is_loose(table):
        yield NOT_DETERMINISTIC
    if table.trained_with:
        yield mixed_words(table)


def _length_notes(table: TrialTable, pool: Pool) -> Iterator[str]:
    """How the search ended before its plan did."""
    if pool.by_length:
        yield BY_LENGTH
    if pool.left_out:
        yield (
            f"The search was cut off: the estimates use the plan's finished prefix ({counted(pool.trials)}), and "
            f"leave out {counted(pool.left_out)} that finished after it, because the ones that finish first are the "
            "fast ones."
        )
    if table.stopped_early:
        yield STOPPED


def _failure_notes(table: TrialTable, pool: Pool) -> Iterator[str]:
    """What stands for trials without a score, and which trials do not count."""
    if pool.failed:
        blank = (table.frame[names.STATE] == states.FAILED) & (table.frame[names.STATE_REASON] == "")
        why = "" if blank.any() else " by configuration"
        yield f"{counted(pool.failed)} failed{why}: counted, with a score of {pool.worst:.4g}."
    if not table.objective.bounded:
        name = describe_baseline(CONSTANT, table.task, table.train_rows)
        yield (
            f"{table.objective.heading} has no worst value: a trial that failed, or is worse than predicting {name}, "
            f"counts with the validation score of that prediction, {pool.worst:.4g}: whoever finds only worse networks "
            "would use the prediction"
            + (f" ({counted(pool.beaten)} completed with a worse score)." if pool.beaten else ".")
        )
    if pool.lost:
        yield f"{_were(pool.lost)} lost to the machine: not counted."


def _choice_notes(table: TrialTable, pool: Pool, tied: int) -> Iterator[str]:
    """By which score the best trial is chosen, and which scores are reported of it."""
    label = table.objective.label
    if table.folds:
        rows = "" if table.train_rows is None else f"{table.train_rows:,} "
        yield (
            f"Cross-validated: a trial's validation {label} is its mean {label} over {table.folds} folds of the "
            f"{rows}training rows, each fold scored by a network that was not trained on it, and stopped early by rows "
            "that are in no fold."
        )
    if tied > 1:
        yield (
            f"{counted(tied)} are equal in the best validation score: the trial found has the lowest number. "
            f"What fewer than {pool.trials} trials reach on average averages over trials that are equal."
        )
    if pool.tested:
        yield f"Trials are chosen on validation alone; the test {label} is that of the trial so chosen."
    else:
        yield "No trial was tested: the best score is optimistic, having been chosen for being the best."


def _error_notes(table: TrialTable, pool: Pool, exact: bool) -> Iterator[str]:
    """Which errors the intervals contain."""
    beside = ", which stands beside them" if table.objective.proportion else ""
    if not exact:
        yield (
            "What a search reaches on average: intervals are for the draw of configurations and their training seeds, "
            "on this data split" + (f", and do not contain the test set's own error{beside}." if pool.tested else ".")
        )
    if table.test_rows is None and pool.tested and table.objective.proportion:
        yield "The number of test rows is unknown, so the test set's own error cannot be given."


def _sampler_notes(table: TrialTable, pool: Pool) -> list[str]:
    if table.sampler == "list":
        return ["The trials are a list of chosen configurations: an average over them is exact for the list only."]
    if table.sampler != "grid":
        return []
    size = table.grid_size
    if size is None:
        return [
            "Grid of unknown size: the curves hold if the trials are the whole grid, or a random part of it; one run "
            "in the order of nested loops is not random, and its curve means nothing."
        ]
    if pool.trials >= size:
        return [
            f"All {size} cells of the grid were run: the curve is the exact mean best score of N different cells "
            "chosen at random from this grid, each trained once. It says nothing about configurations "
            "between or beyond them."
        ]
    return [
        f"{pool.trials} of {size} cells of the grid were run, in random order: the curve estimates, without bias, the "
        "mean best score of N different cells of this grid; the intervals treat the grid as endless "
        "and are a little too wide."
    ]


def counted(number: int | None) -> str:
    """`1 trial`, `2 trials`."""
    return f"{number} trial" + ("" if number == 1 else "s")


def _were(number: int) -> str:
    return f"{counted(number)} {'was' if number == 1 else 'were'}"
