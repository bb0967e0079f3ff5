"""The plan of an adaptive search: R independent searches by TPE, whose rows are drawn as their results come in.

Trial `number` is trial k = number // R of replicate r = number % R. Its row follows from (study seed, r, k) and from
how trials 0 .. k-1 of that replicate ended, from nothing else. So the table is the same whatever the number of workers,
kills and resumes. Replicates train side by side; within a replicate each trial waits for the trial before. The first
START_UP trials of each replicate are drawn at random and known from the start.
"""

import warnings
from collections.abc import Mapping

import optuna
from optuna.distributions import CategoricalDistribution, IntDistribution
from optuna.trial import Trial, TrialState

from models.core import states
from models.core.parameters import Scalar
from models.core.seeds import derive_seed, trial_seed
from search.study.distributions import distribution_of
from search.study.growing import TrialEnd
from search.study.plan import Plan, PlannedTrial
from search.study.settings import START_UP, StudySettings


class Replicates:
    """A plan that grows by results (search.study.growing); `direction` is the objective's, maximize or minimize."""

    def __init__(self, settings: StudySettings, direction: str, results: Mapping[int, TrialEnd] | None = None) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._settings = settings
        self._searches = [_Replicate(settings, direction, replicate) for replicate in range(settings.replicates)]
        self._seeds = [trial_seed(settings.seed, number) for number in range(settings.trials)]
        self._planned: dict[int, PlannedTrial] = {}
        self._is_new = False
        for number, result in sorted((results or {}).items()):
            self.told(number, result)

    @property
    def total(self) -> int:
        return self._settings.trials

    @property
    def announced(self) -> bool:
        return True

    @property
    def plan(self) -> Plan:
        """The plan with the trials that are drawn so far."""
        settings, count = self._settings, self._settings.replicates
        for replicate, search in enumerate(self._searches):
            for place, row in enumerate(search.rows):
                number = place * count + replicate
                if number not in self._planned:
                    self._planned[number] = PlannedTrial(number, row, settings.config(row), self._seeds[number])
        trials = tuple(self._planned[number] for number in sorted(self._planned))
        undrawn = tuple((number, seed) for number, seed in enumerate(self._seeds) if number not in self._planned)
        return Plan(trials, settings.searched, count, undrawn)

    def told(self, number: int, result: TrialEnd) -> None:
        """Records how a trial ended; the first result of a number stays."""
        if number < self._settings.trials:
            place, replicate = divmod(number, self._settings.replicates)
            self._is_new |= self._searches[replicate].told(place, result)

    def drawn(self) -> Plan | None:
        """The plan, if results since the last call have drawn more trials; else None."""
        if not self._is_new:
            return None
        self._is_new = False
        return self.plan

    def record(self, plan: Plan) -> None:
        """Writes nothing: the stores hold the plan's numbers and seeds from the start, and these never change."""


class _Replicate:
    """One search: an Optuna study in memory, which receives its trials in their order."""

    def __init__(self, settings: StudySettings, direction: str, replicate: int) -> None:
        self._settings, self._replicate = settings, replicate
        self._study = optuna.create_study(direction=direction, sampler=optuna.samplers.RandomSampler(seed=0))
        self._results: dict[int, TrialEnd] = {}
        self._asked: Trial | None = None
        self._told = 0
        self.rows: list[dict[str, Scalar]] = []
        """The parameters of the search's trials 0, 1, 2, ... as far as they are drawn."""
        for place in range(min(START_UP, settings.trials_each)):
            self.rows.append(self._draw(place))

    def told(self, place: int, result: TrialEnd) -> bool:
        """Records a result; whether this result, with the earlier ones, let a further trial be drawn."""
        self._results.setdefault(place, result)
        drawn = len(self.rows)
        while self._told in self._results and self._told < len(self.rows):
            self._tell(self._told, self._results[self._told])
            self._told += 1
            if self._told == len(self.rows) < self._settings.trials_each:
                self.rows.append(self._draw(self._told))
        return len(self.rows) > drawn

    def _tell(self, place: int, result: TrialEnd) -> None:
        is_complete = result.state == states.COMPLETE and result.score is not None
        state = TrialState.COMPLETE if is_complete else TrialState.FAIL
        value = result.score if is_complete else None
        if self._asked is not None:
            self._study.tell(self._asked, value, state=state)
            self._asked = None
            return
        row = self.rows[place]
        spread = {domain.name: distribution_of(domain) for domain in self._settings.space if domain.name in row}
        self._study.add_trial(optuna.trial.create_trial(state=state, value=value, params=row, distributions=spread))

    def _draw(self, place: int) -> dict[str, Scalar]:
        seed = derive_seed(self._settings.seed, "tpe", self._replicate, place)
        if place < START_UP:
            study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed))
            return self._suggested(study.ask())
        # Each trial has its own sampler: a shared sampler would depend on how often it was asked before a kill.
        # Every deciding argument is passed, since Optuna's defaults have changed between releases.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            self._study.sampler = optuna.samplers.TPESampler(
                seed=seed,
                n_startup_trials=START_UP,
                n_ei_candidates=24,
                multivariate=True,
                group=any(domain.when for domain in self._settings.space),
                constant_liar=False,
            )
        self._asked = self._study.ask()
        return self._suggested(self._asked)

    def _suggested(self, trial: Trial) -> dict[str, Scalar]:
        chosen: dict[str, Scalar] = {}
        for domain in self._settings.space:
            if not domain.exists(chosen):
                continue
            spread = distribution_of(domain)
            if isinstance(spread, CategoricalDistribution):
                chosen[domain.name] = trial.suggest_categorical(domain.name, list(spread.choices))
            elif isinstance(spread, IntDistribution):
                chosen[domain.name] = trial.suggest_int(
                    domain.name, spread.low, spread.high, step=spread.step, log=spread.log
                )
            else:
                assert isinstance(spread, optuna.distributions.FloatDistribution)
                chosen[domain.name] = trial.suggest_float(
                    domain.name, spread.low, spread.high, step=spread.step, log=spread.log
                )
        return chosen
