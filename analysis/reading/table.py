"""The trials table: one row a plan number that started, its last attempt; and what the study says about it."""

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
    """Of the trial whose configuration it has."""
    run_id: str
    val: float
    """The objective on validation."""
    test: float
    best_epoch: int
    seconds: float


@dataclass(frozen=True)
class TrialTable:
    """Trials and their study. `frame` is as `trials_frame` makes it; what is unknown (from a CSV) is None.

    `folds`: how many score a trial, None where it is scored on a validation part; `refit`: that of the best trial.
    `first_number`: of the plan, 0 where it is unknown.
    """

    frame: pd.DataFrame
    study: str
    sampler: str
    seed: int | None = None
    data_sha256: str | None = None
    dataset_location: str | None = None
    """What models.data.sources finds the data by."""
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
    """Scores to reach that the study named before it had data."""
    first_number: int | None = None
    objective: Objective = DEFAULT
    """What its trials were chosen by."""
    task: str = CLASSIFICATION
    """One of models.data.labels.TASKS."""
    baselines: Baselines = field(default_factory=dict)
    """Scores by name of what anybody would try first; none where they are not known."""
    replicates: int | None = None
    """Of an adaptive sampler: how many independent searches there are; trial `number` is of number % replicates."""
    start_up_trials: int | None = None
    """And how many first trials of each were drawn at random."""
    program: Program = field(default_factory=Program)
    """How the search was started, for the commands that are suggested."""
    own_network: bool = False
    """Whether a function of the user's own built the networks."""
    trained_with: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """What bits follow from beside configuration, data and seed (tensorflow, cpu, ...), where complete trials differ in
    it: by its name how many of them have which value."""
    flags: tuple[str, ...] = ()
    """Of a study that another program made: why its intervals may cover less often than they say."""

    def __post_init__(self) -> None:
        """Check that the columns are there and that every number stands once."""
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
        """Of each row, whether it is a complete trial with a validation score."""
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
        """Whether trials have a test score: those of a cross-validated study have none.

        Where trials are complete and none has a test score, none was tested; where only some have, the pool refuses.
        """
        if self.folds or any(str(name).startswith(FOLD) for name in self.frame.columns):
            return False
        scored = self.scored
        return not scored.any() or bool(self.frame.loc[scored, self.objective.test_name].notna().any())

    @property
    def scored_rows(self) -> int | None:
        """The rows that a trial's validation score is measured on."""
        return self.train_rows if self.folds else self.validation_rows

    @property
    def best(self) -> pd.Series | None:
        """The complete trial with the best validation score, the lowest number on ties."""
        ranked = self.ranked
        return None if ranked.empty else ranked.iloc[0]

    @property
    def network_run_id(self) -> str | None:
        """The run of the best network: the best trial's, or where trials are cross-validated that of the refit."""
        if self.folds:
            return self.refit.run_id if self.refit is not None else None
        best = self.best
        return None if best is None else str(best[names.RUN_ID])

    def prefix(self, numbers: int) -> TrialTable:
        """The same study as it stood when only plan numbers below `numbers` had started."""
        return replace(self, frame=self.frame[self.frame[names.NUMBER] < numbers])
