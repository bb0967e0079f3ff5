"""Reads and checks everything that a search needs, before anything is made."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rich.console import Console

from analysis.reading.called_in import called_in
from models.core.errors import ConfigError
from models.data.dataset import Dataset
from models.data.sources import load_dataset
from models.data.splits import Split, split_by
from models.tasks.baselines import baseline
from models.tasks.objective import CONSTANT, LINEAR, Baselines, Objective
from search.command_line.options import Options
from search.stores.databases import check_storage, check_writable
from search.stores.paths import StudyPaths, root_of
from search.study.settings import StudySettings, checked

if TYPE_CHECKING:  # imported where they are used, beside the worker processes' own imports
    from search.driver.progress import Progress
    from search.driver.stopping import StopRule
    from search.study.later_rows import LaterRows
    from search.study.own_space import OwnSpace
    from search.study.plan import Plan
    from search.study.replicates import Replicates

Tags = Mapping[int, Mapping[str, object]]
"""Further tags for the child runs of a trial, by the trial's number."""


@dataclass(frozen=True)
class Search:
    """Everything that a search needs, read and checked."""

    settings: StudySettings
    options: Options
    dataset: Dataset
    split: Split
    objective: Objective
    baselines: dict[str, dict[str, float]]
    """At first the constant baseline alone; the linear one is fitted while the last trials train."""
    plan: "Plan"
    rule: "StopRule | None"
    finished: frozenset[int]
    is_new: bool
    """Whether neither the storage nor the outbox holds anything of the study."""
    workers: int
    """The number of worker processes; 0: this process trains. Without meaning where there is a scheduler."""
    workers_words: str
    """How many workers there are, as text; with the reason if the user did not choose the number."""
    tags: Tags
    console: Console
    space: "OwnSpace | None" = None
    """The space of a network of the user's own; None for the built-in network."""
    later: "LaterRows | None" = None
    """Draws the rows of `space` that are missing in `plan`; None if there are none."""
    replicates: "Replicates | None" = None
    """Draws the plan of an adaptive sampler; None with any other sampler."""
    host: "Callable[[Objective], Progress] | None" = None
    """Makes the progress of a program that runs the search (search/api); None on the command line."""

    @property
    def missing(self) -> int:
        """The number of planned trials that are not finished."""
        return sum(number not in self.finished for number in self.plan.numbers)


def split_study(settings: StudySettings, dataset: Dataset) -> Split:
    """The study's training, validation and test parts."""
    return split_by(dataset, **settings.split)  # type: ignore[arg-type]


def prepare(settings: StudySettings, options: Options, console: Console, tags: Tags) -> Search:
    """Reads and checks everything that a search needs; makes nothing.

    Raises:
        ConfigError: bad input, or a place that cannot be read or written.
    """
    from search.stores.optuna_attempts import look_up
    from search.study.draws import make_plan
    from search.study.replicates import Replicates

    dataset = _read_data(settings, console)
    objective = settings.objective_of(dataset.target.task)
    split = split_study(settings, dataset)
    first = {CONSTANT: baseline(CONSTANT, split)}
    if settings.folds and options.models.mode == "best":
        raise ConfigError(
            f"models must be all or none where trials are cross-validated, since the refit alone has a model, got "
            f"{options.models} with {settings.folds} folds"
        )
    check_storage(options.storage)
    stored = look_up(options.storage, settings.name)
    space = None
    if settings.source is not None:
        settings, space = _ask_network(settings, split, options, stored.planned)
    settings = _at_least(settings, stored.planned, options, console)
    replicates = Replicates(settings, objective.direction, stored.results) if settings.replicates else None
    plan = make_plan(settings, space.rows if space is not None else ()) if replicates is None else replicates.plan
    rule = _stop_rule(settings, options, objective, first)
    check_writable(called_in(), "what MLflow keeps")
    check_writable(root_of(options.storage), "the outbox")
    is_new = not stored.planned and not StudyPaths(settings.name, root_of(options.storage)).outcomes()
    later = _later_rows(settings, split, plan, space)
    missing = max(settings.folds, 1) * sum(number not in stored.finished for number in plan.numbers)
    return Search(
        settings, options, dataset, split, objective, first, plan, rule, stored.finished, is_new,
        *_workers(options, split, missing, settings.device), tags, console, space, later, replicates,
    )  # fmt: skip


def _read_data(settings: StudySettings, console: Console) -> Dataset:
    """The study's data; prints how they were read and hints about them."""
    dataset = load_dataset(settings.dataset, lambda text: console.print(text, markup=False, highlight=False))
    for hint in dataset.hints:
        console.print(hint, markup=False, highlight=False)
    return dataset


def _at_least(settings: StudySettings, planned: int, options: Options, console: Console) -> StudySettings:
    """The settings with as many trials as the study was planned with before, at least."""
    if settings.trials < planned and options.trials is not None:
        words = f"{planned // max(settings.replicates, 1)} trials{' each' * bool(settings.replicates)}"
        console.print(f"the study was planned with {words}: a plan is extended, never cut")
    return replace(settings, trials=max(settings.trials, planned))


def _stop_rule(
    settings: StudySettings, options: Options, objective: Objective, baselines: Baselines
) -> "StopRule | None":
    if options.stop_when_gain_below is None:
        return None
    from search.driver.stopping import StopRule

    return StopRule(options.stop_when_gain_below, settings, objective, baselines)


def _later_rows(settings: StudySettings, split: Split, plan: "Plan", space: "OwnSpace | None") -> "LaterRows | None":
    """Starts to draw the rest of a plan that the user's function defines; None where no row is left to draw."""
    drawn_later = settings.asks and settings.sampler == "random"
    if space is None or not drawn_later or len(plan.trials) >= settings.trials:
        return None
    from search.study.later_rows import LaterRows

    return LaterRows(settings, split, settings.trials, space)


def _workers(options: Options, split: Split, missing: int, device: str) -> tuple[int, str]:
    """The number of workers, and the same as text. More workers than missing trials or folds would have no job."""
    asked, why = options.workers, ""
    if options.scheduler is not None:
        return 1, "workers"
    if asked is None:
        from search.workers.choice import workers_for

        asked, why = workers_for(split, device)
    count = min(asked, max(missing, 1))
    because = f" ({why})" if why else ""
    return count, f"{count} worker{'s' * (count != 1)}{because}"


def _ask_network(
    settings: StudySettings, split: Split, options: Options, planned: int
) -> tuple[StudySettings, "OwnSpace"]:
    """The settings completed with the answers of the user's function, and the rows with which the search begins."""
    from search.study.later_rows import FIRST
    from search.study.own_space import OwnSpace, ask_network

    kept = StudyPaths(settings.name, root_of(options.storage)).own_space
    known = OwnSpace.from_json(kept.read_text(encoding="utf-8"), settings) if kept.is_file() else None
    wanted = max(settings.trials, planned)
    begins_with = (0 if known is None else len(known.rows)) + FIRST
    count = wanted if options.dry_run else max(planned, min(wanted, begins_with))
    space = ask_network(settings, split, count, known)
    return checked(space.applied(settings)), space


def fit_linear_baseline(search: Search) -> dict[str, dict[str, float]]:
    """All baselines of the search; fits the linear one at the first call."""
    if LINEAR not in search.baselines:
        search.baselines[LINEAR] = baseline(LINEAR, search.split)
    return search.baselines
