"""The trials table: one row for each plan number that started, with its last attempt, and facts about the study."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import pandas as pd

from analysis.command_line.program import Program
from analysis.reading.columns import DEFAULT, FOLD, PARAMS, required
from models.core import names, states
from models.data.labels import CLASSIFICATION
from models.tasks.objective import Baselines, Objective


@dataclass(frozen=True)
class Refit:
    """The best configuration of a cross-validated study, trained on all of the training part and tested."""

    number: int
    """The number of the trial whose configuration was trained."""
    run_id: str
    val: float
    """The objective on validation."""
    test: float
    best_epoch: int
    seconds: float


@dataclass(frozen=True)
class TrialTable:
    """Trials and facts about their study; a fact that is unknown, as for a CSV file, is None.

    `frame`: the trials, made by `trials_frame`. `folds`: the number of folds that score a trial, None where a
    validation part does. `refit`: the refit of the best trial. `first_number`: the plan's first number; None counts
    as 0.
    """

    frame: pd.DataFrame
    study: str
    sampler: str
    seed: int | None = None
    data_sha256: str | None = None
    dataset_location: str | None = None
    """The data's location for models.data.sources."""
    network_logged: bool = False
    """Whether the run of the best network has a model in MLflow."""
    planned_trials: int | None = None
    grid_size: int | None = None
    train_rows: int | None = None
    validation_rows: int | None = None
    test_rows: int | None = None
    plan_hash: str | None = None
    parent_run_id: str | None = None
    stopped_early: bool = False
    folds: int | None = None
    refit: Refit | None = None
    targets: tuple[float, ...] = ()
    """Scores to reach that the study named before its search began."""
    first_number: int | None = None
    objective: Objective = DEFAULT
    """The metric that trials were chosen by."""
    task: str = CLASSIFICATION
    """One of models.data.labels.TASKS."""
    baselines: Baselines = field(default_factory=dict)
    """Name of a baseline -> its scores by name; empty where the baselines are unknown."""
    replicates: int | None = None
    """The number of independent searches of an adaptive sampler; trial `number` is of replicate number % replicates."""
    start_up_trials: int | None = None
    """The number of first trials of each replicate that an adaptive sampler drew at random."""
    program: Program = field(default_factory=Program)
    """How the search was started, for the commands that are suggested."""
    own_network: bool = False
    """Whether a function of the user's own built the networks."""
    trained_with: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Package versions, threads and CPU that differ between complete trials, and can change results.

    Name -> value -> number of complete trials with the value.
    """
    flags: tuple[str, ...] = ()
    """Why the intervals of another program's study may cover less often than their level says."""

    def __post_init__(self) -> None:
        """Raises ValueError where a column is missing or a number stands twice."""
        needed = *required(self.objective), names.STATE_REASON, self.objective.test_name
        missing = [name for name in needed if name not in self.frame.columns]
        if missing:
            raise ValueError(f"a trials table has the columns {', '.join(needed)}: missing {', '.join(missing)}")
        twice = self.frame[names.NUMBER][self.frame[names.NUMBER].duplicated()]
        if len(twice):
            raise ValueError(f"a number stands once in a trials table: got {twice.iloc[0]} again")

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the hyperparameters, in the table's order."""
        return tuple(c.removeprefix(PARAMS) for c in self.frame.columns if c.startswith(PARAMS))

    @property
    def searched(self) -> tuple[str, ...]:
        """Names of the hyperparameters that differ between trials."""
        return tuple(n for n in self.parameters if self.frame[PARAMS + n].nunique(dropna=False) > 1)

    @property
    def scored(self) -> pd.Series:
        """For each row, whether the trial is complete and has a validation score."""
        return (self.frame[names.STATE] == states.COMPLETE) & self.frame[self.objective.name].notna()

    @property
    def ranked(self) -> pd.DataFrame:
        """The complete trials by validation score, the best first, the earlier one on ties."""
        complete = self.frame[self.scored]
        scored = zip(complete[self.objective.name], complete[names.NUMBER], strict=True)
        places = [self.objective.place(score, number) for score, number in scored]
        return complete.iloc[sorted(range(len(places)), key=places.__getitem__)]

    @property
    def tested(self) -> bool:
        """Whether trials have test scores. Cross-validated trials have none.

        Where no complete trial has a test score, the trials were not tested. Where only some complete trials have one,
        the trials count as tested, and the pool refuses the rows without a test score.
        """
        if self.folds or any(str(name).startswith(FOLD) for name in self.frame.columns):
            return False
        scored = self.scored
        return not scored.any() or bool(self.frame.loc[scored, self.objective.test_name].notna().any())

    @property
    def scored_rows(self) -> int | None:
        """The number of rows that a trial's validation score is measured on."""
        return self.train_rows if self.folds else self.validation_rows

    @property
    def best(self) -> pd.Series | None:
        """The complete trial with the best validation score, the lowest number on ties."""
        ranked = self.ranked
        return None if ranked.empty else ranked.iloc[0]

    @property
    def network_run_id(self) -> str | None:
        """The ID of the run with the best network: the best trial's run, or the refit's of cross-validated trials."""
        if self.folds:
            return self.refit.run_id if self.refit is not None else None
        best = self.best
        return None if best is None else str(best[names.RUN_ID])

    def prefix(self, numbers: int) -> TrialTable:
        """The same study as it stood when only plan numbers below `numbers` had started."""
        return replace(self, frame=self.frame[self.frame[names.NUMBER] < numbers])
