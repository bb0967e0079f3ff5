"""A plan that grows while its first trials run: both stores know of each new part before a trial of it runs."""

from search.stores.optuna_study import StudyStore
from search.stores.paths import StudyPaths, root_of
from search.study.draws import make_plan
from search.study.growing import TrialEnd
from search.study.later_rows import LaterRows
from search.study.own_space import OwnSpace
from search.study.plan import Plan
from search.study.settings import StudySettings
from search.tracking.logged_studies import SPACE_FILE
from search.tracking.parent_run import ParentRun


def keep_space(space: OwnSpace, settings: StudySettings, storage: str) -> dict[str, str]:
    """Keeps the drawn rows beside the outbox, for the next session, and returns them as a file for the study's run."""
    text = space.to_json(settings)
    StudyPaths(settings.name, root_of(storage)).own_space.write_text(text, encoding="utf-8")
    return {SPACE_FILE: text}


class Growth:
    """The rest of a plan, drawn in a process of its own while its first trials run (search.study.growing)."""

    def __init__(
        self, later: LaterRows, settings: StudySettings, study: StudyStore, parent: ParentRun, storage: str
    ) -> None:
        self._later, self._settings, self._study, self._parent = later, settings, study, parent
        self._storage = storage
        self._space: OwnSpace | None = None

    @property
    def total(self) -> int:
        return self._settings.trials

    @property
    def announced(self) -> bool:
        return False

    def told(self, number: int, result: TrialEnd) -> None:
        """Does nothing: no trial's parameters follow from another trial's result here."""

    def drawn(self) -> Plan | None:
        self._space = self._later.take()
        return None if self._space is None else make_plan(self._settings, self._space.rows)

    def record(self, plan: Plan) -> None:
        assert self._space is not None
        kept = keep_space(self._space, self._settings, self._storage)
        self._parent.attach({"plan.csv": plan.csv, **kept})
        self._parent.note_plan(plan.hash, plan.size)
        self._study.remember(plan_hash=plan.hash, planned_trials=plan.size)
