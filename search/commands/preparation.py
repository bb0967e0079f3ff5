"""Everything that a search needs, read and checked before anything is made."""

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
from models.tasks.objective import CONSTANT, LINEAR, Objective
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
"""Further tags of a plan number's child runs."""


@dataclass(frozen=True)
class Search:
    """What a search needs, checked, before anything is made."""

    settings: StudySettings
    options: Options
    dataset: Dataset
    split: Split
    objective: Objective
    baselines: dict[str, dict[str, float]]
    """That of the constant one: the linear one is fitted while the last trials are training."""
    plan: "Plan"
    rule: "StopRule | None"
    finished: frozenset[int]
    is_new: bool
    """Whether nothing of the study is there yet, in neither the storage nor the outbox."""
    workers: int
    """Processes that train, 0 for this one; with a scheduler, of no meaning."""
    workers_words: str
    """How many there are, and why where nobody said how many."""
    tags: Tags
    console: Console
    space: "OwnSpace | None" = None
    """Of a network of the user's own."""
    later: "LaterRows | None" = None
    """Of that, the rows that are not drawn yet."""
    replicates: "Replicates | None" = None
    """Of an adaptive sampler."""
    host: "Callable[[Objective], Progress] | None" = None
    """Of a program that runs searches (search/api): how it shows them."""

    @property
    def missing(self) -> int:
        return sum(number not in self.finished for number in self.plan.numbers)


def split_study(settings: StudySettings, dataset: Dataset) -> Split:
    """The study's training, validation and test parts."""
    return split_by(dataset, **settings.split)  # type: ignore[arg-type]


def prepare(settings: StudySettings, options: Options, console: Console, tags: Tags) -> Search:
    """Reads and checks; makes nothing."""
    from search.study.draws import make_plan
    from search.study.replicates import Replicates

    dataset = load_dataset(settings.dataset, lambda text: console.print(text, markup=False, highlight=False))
    for hint in dataset.hints:
        console.print(hint, markup=False, highlight=False)
    objective = settings.objective_of(dataset.target.task)
    split = split_study(settings, dataset)
    first = {CONSTANT: baseline(CONSTANT, split)}
    if settings.folds and options.models.mode == "best":
        raise ConfigError(
            f"models must be all or none where trials are cross-validated, the refit alone has one, got "
            f"{options.models} with {settings.folds} folds"
        )
    from search.stores.optuna_attempts import look_up

    check_storage(options.storage)
    stored = look_up(options.storage, settings.name)
    space = None
    if settings.source is not None:
        settings, space = _ask_network(settings, split, options, stored.planned)
    if settings.trials < stored.planned and options.trials is not None:
        planned = f"{stored.planned // max(settings.replicates, 1)} trials{' each' * bool(settings.replicates)}"
        console.print(f"the study was planned with {planned}: a plan is extended, never cut")
    settings = replace(settings, trials=max(settings.trials, stored.planned))
    replicates = Replicates(settings, objective.direction, stored.results) if settings.replicates else None
    plan = make_plan(settings, space.rows if space is not None else ()) if replicates is None else replicates.plan
    rule = None
    if options.stop_when_gain_below is not None:
        from search.driver.stopping import StopRule

        rule = StopRule(options.stop_when_gain_below, settings, objective, first)
    check_writable(called_in(), "what MLflow keeps")
    check_writable(root_of(options.storage), "the outbox")
    is_new = not stored.planned and not StudyPaths(settings.name, root_of(options.storage)).outcomes()
    later = None
    if space is not None and settings.asks and settings.sampler == "random" and len(plan.trials) < settings.trials:
        from search.study.later_rows import LaterRows

        later = LaterRows(settings, split, settings.trials, space)
    missing = max(settings.folds, 1) * sum(number not in stored.finished for number in plan.numbers)
    return Search(
        settings, options, dataset, split, objective, first, plan, rule, stored.finished, is_new,
        *_workers(options, split, missing, settings.device), tags, console, space, later, replicates,
    )  # fmt: skip


def _workers(options: Options, split: Split, missing: int, device: str) -> tuple[int, str]:
    """How many, and in words; no more than trials, or their folds, are missing: another would only prepare the data."""
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
    """The settings with what the user's function alone can tell, and as many rows of it as a search begins with."""
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
    """All baselines; the linear one is fitted once."""
    if LINEAR not in search.baselines:
        search.baselines[LINEAR] = baseline(LINEAR, search.split)
    return search.baselines
