"""The driver: which trial runs when, what ends it, and when the search is over. The only process that writes."""

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from models.core import states
from models.core.clock import now_ms
from search.driver.attempts import InFlight, Retries
from search.driver.delivery import Delivery
from search.driver.left_outcomes import awaits, take_left
from search.stores import outbox
from search.stores.optuna_attempts import OptunaAttempt, results_of
from search.study.growing import Growing, PlanSoFar, TrialEnd
from search.study.plan import Plan, PlannedTrial
from search.workers.engine import Engine, EngineError, Epoch, Event, Lost, Started
from search.workers.job import Job
from search.workers.outcome import Outcome

if TYPE_CHECKING:  # imports pandas and SciPy, which only a search with a stop rule needs
    from search.driver.stopping import StopRule

_HOPELESS = 10  # failed trials, and none complete: the mistake is in the study, so the search ends


@dataclass(frozen=True)
class Ended:
    """How a search ended."""

    missing: int
    """Planned trials that are not finished."""
    undelivered: int
    """Finished trials that wait in the outbox for the stores."""
    reason: str = ""
    trained: int = 0
    """Attempts that ended in this session."""
    stopped_at: int | None = None
    """How many plan numbers count, where the stop rule ended the search; else None."""
    without_refit: str = ""
    """Why a cross-validated study that is otherwise complete has no refit yet."""

    @property
    def complete(self) -> bool:
        return self.missing == 0 and self.undelivered == 0 and not self.without_refit


class Driver:
    """Runs the trials of a plan that are not finished yet, each to its end exactly once.

    `growth` draws the rest of a plan that is not whole. `tell_left` hears, again and again, how many trials wait, how
    many run and how many workers are idle.
    """

    def __init__(
        self,
        plan: Plan,
        engine: Engine,
        delivery: Delivery,
        rule: "StopRule | None" = None,
        growth: Growing | None = None,
        tell_left: Callable[[int, int, int], None] = lambda pending, running, idle: None,
    ) -> None:
        self._engine, self._delivery, self._rule, self._tell_left = engine, delivery, rule, tell_left
        self._settings, self._progress, self._limits = delivery.settings, delivery.progress, delivery.limits
        self._so_far = PlanSoFar(plan, growth)
        self._pending: deque[PlannedTrial] = deque()
        self._retries = Retries()
        self._in_flight: dict[int, InFlight] = {}
        self._ended: dict[int, TrialEnd] = {}
        self._kept: dict[int, Outcome] = {}
        self._trained = 0
        self._complete = self._failed = 0
        self._last_failure = ""

    def run(self, asked_to_stop: Sequence[str] = ()) -> Ended:
        """Delivers and reconciles what earlier drivers left, then trains the missing trials.

        The search ends early once `asked_to_stop` has a reason.
        """
        self._recover()
        reason = self._enough()
        while (self._pending or self._in_flight or not self._so_far.whole) and not reason:
            self._grow()
            self._submit()
            if self._so_far.whole:
                self._tell_left(len(self._pending), len(self._in_flight), self._engine.free())
            try:
                events = self._engine.events(timeout=0.1)
            except EngineError as error:
                reason = str(error)
                break
            for event in events:
                if not (asked_to_stop and isinstance(event, Lost)):  # Ctrl-C in a terminal reaches the workers too
                    self._handle(event)
            self._end_overdue_trials()
            self._delivery.write_epochs()
            self._delivery.retry()
            reason = asked_to_stop[0] if asked_to_stop else self._reason_to_end()
        self._interrupt_in_flight()
        undelivered = self._delivery.finish(asked_to_stop)
        stopped_at = self._rule.stopped_at if self._rule is not None else None
        wanted = self._so_far.wanted if stopped_at is None else stopped_at
        missing = sum(number not in self._ended for number in range(wanted))
        return Ended(missing, undelivered, reason, self._trained, stopped_at)

    def _recover(self) -> None:
        """Takes over from earlier drivers: outcomes in the outbox first, then attempts that nobody runs any more."""
        for number, result in results_of(self._delivery.study.attempts()).items():
            self._so_far.tell(number, result)
        self._grow()
        self._deliver_left_outcomes()
        waiting = {(outcome.number, outcome.attempt): outcome for outcome in self._delivery.undelivered}
        for attempt in self._delivery.study.attempts():
            kept = self._kept.get(attempt.number)
            waits = (attempt.number, attempt.attempt) in waiting or (kept and kept.attempt == attempt.attempt)
            if attempt.state == states.RUNNING and not waits:
                # Ended by an outcome like any other, so that both stores agree, whichever of them knew of the attempt.
                self._lose(attempt)
        self._delivery.through(self._delivery.study.close_strangers)
        self._delivery.close_unfinished()
        # Optuna may not know the waiting outcomes yet.
        known: list[OptunaAttempt | Outcome] = [*self._delivery.study.attempts(), *waiting.values()]
        for each in known:
            self._retries.note(each.number, each.attempt, each.reason)
            if each.final:
                self._ended[each.number] = each.end
        self._pending = deque(trial for trial in self.plan.trials if trial.number not in self._ended)
        counted = sorted(number for number in self._ended if number < self._so_far.wanted)
        self._progress.begin(total=self._so_far.wanted, done=len(counted))
        for number in counted:
            self._count(number, self._ended[number])

    def _lose(self, left: OptunaAttempt) -> None:
        """Ends an attempt that nobody runs any more."""
        lost = Outcome(
            left.number, left.attempt, states.FAILED, left.seed, left.config_hash, states.DRIVER_LOST,
            started_ms=now_ms(), ended_ms=now_ms(),
        )  # fmt: skip
        if self.plan.get(left.number) is None:  # it followed from a lost result; close_unfinished ends its run
            self._delivery.through(partial(self._delivery.study.finish, lost))
        elif self._delivery.commit(lost):
            self._delivery.deliver(lost)

    @property
    def plan(self) -> Plan:
        """The plan, as far as it is drawn."""
        return self._so_far.plan

    def _grow(self) -> None:
        """Takes over newly drawn trials of the plan, and the outcomes in the outbox that waited for them."""
        new = self._so_far.grow(self._delivery.through)
        if new:
            self._pending.extend(trial for trial in new if trial.number not in self._ended)
            self._delivery.grow(self.plan)
        for kept in [self._kept.pop(trial.number) for trial in new if trial.number in self._kept]:
            if self.plan.holds(kept.number, kept.seed, kept.config_hash):
                self._pending = deque(trial for trial in self._pending if trial.number != kept.number)
                self._end(kept)
                self._delivery.deliver(kept)

    def _deliver_left_outcomes(self) -> None:
        over = {(each.number, each.attempt) for each in self._delivery.study.attempts() if each.state != states.RUNNING}
        for path in self._delivery.paths.outcomes():
            outcome = take_left(path, self.plan)
            if (outcome.number, outcome.attempt) in over:
                # The attempt was delivered already, or a driver elsewhere gave it up and went on with the next attempt.
                outbox.remove(outcome, self._delivery.paths)
            elif awaits(self.plan, outcome):
                self._kept[outcome.number] = outcome
            else:
                if outcome.final:
                    self._so_far.tell(outcome.number, outcome.end)
                    self._grow()
                self._delivery.deliver(outcome)

    def _submit(self) -> None:
        for _ in range(min(self._engine.room(), len(self._pending))):
            self._progress.training()
            planned = self._pending.popleft()
            attempt = self._retries.begin(planned.number)
            job = Job.of(self._settings.name, planned, attempt, self._settings.source)
            self._engine.submit(job)
            self._in_flight[planned.number] = InFlight(planned, attempt)

    def _handle(self, event: Event) -> None:
        if isinstance(event, Started):
            self._begin(event)
            return
        if isinstance(event, Epoch):
            self._heard(event)
            return
        ended = event if isinstance(event, Lost) else event.outcome
        number, attempt = ended.number, ended.attempt
        current = self._in_flight.get(number)
        if current is None or current.attempt != attempt:
            return  # a late event of an attempt that was given up
        del self._in_flight[number]
        if isinstance(event, Lost):
            reason = self._retries.worker_lost(number)
            again = "and runs again" if reason == states.WORKER_LOST else "for the last time, and counts as failed"
            self._progress.say(f"trial {number} lost its worker {again}: {event.message}")
            self._finish(self._given_up(current, reason, event.message), current.planned)
        else:
            self._finish(event.outcome, current.planned)

    def _begin(self, event: Started) -> None:
        current = self._in_flight.get(event.number)
        if current is not None and current.attempt == event.attempt:
            current.started_ms, current.began = event.at_ms, time.monotonic()
            self._delivery.begin(current.planned, event.attempt, event.at_ms)

    def _heard(self, event: Epoch) -> None:
        current, key = self._in_flight.get(event.number), (event.number, event.attempt)
        if current is None or current.attempt != event.attempt:
            return
        self._delivery.heard(*key, event.report)
        last = event.report.epoch == current.planned.config.epochs
        if not last and self._delivery.should_prune(*key, event.report):
            self._engine.ask_to_stop(*key, states.PRUNED)

    def _end_overdue_trials(self) -> None:
        now = time.monotonic()
        for number, current in list(self._in_flight.items()):
            if current.asked_to_end is None:
                if now - current.began > self._limits.trial_timeout:
                    current.asked_to_end = now
                    self._engine.ask_to_stop(number, current.attempt, states.TIMEOUT)
            elif now - current.asked_to_end > self._limits.grace:
                self._engine.abandon(number, current.attempt)
                del self._in_flight[number]
                why = (
                    f"the epoch did not end within {self._limits.grace:g} s of trial_timeout, "
                    f"{self._limits.trial_timeout:g} s: the worker was restarted"
                )
                self._finish(self._given_up(current, states.TIMEOUT, why), current.planned)

    def _given_up(self, given_up: InFlight, reason: str, message: str) -> Outcome:
        planned, attempt = given_up.planned, given_up.attempt
        return Outcome(
            planned.number,
            attempt,
            states.FAILED,
            planned.seed,
            planned.config.hash(),
            reason,
            message,
            history=self._delivery.epochs_of(planned.number, attempt),
            started_ms=given_up.started_ms,
            ended_ms=now_ms(),
        )

    def _finish(self, outcome: Outcome, planned: PlannedTrial) -> None:
        if not self._delivery.commit(outcome):
            self._pending.appendleft(planned)
            return
        self._trained += 1
        if outcome.final:
            self._end(outcome)
            if outcome.state == states.FAILED and outcome.message:
                self._last_failure = outcome.message.strip().splitlines()[-1][:200]
        else:
            self._pending.appendleft(planned)
        self._submit()
        self._delivery.deliver(outcome)

    def _end(self, outcome: Outcome) -> None:
        """Counts a trial that has ended for good; trials that follow from its result are drawn now."""
        result = self._ended[outcome.number] = outcome.end
        self._count(outcome.number, result)
        self._progress.advance()
        self._so_far.tell(outcome.number, result)
        self._grow()

    def _interrupt_in_flight(self) -> None:
        for current in list(self._in_flight.values()):
            self._pending.append(current.planned)
            if not current.started_ms:
                self._engine.abandon(current.planned.number, current.attempt)
                continue
            outcome = self._given_up(current, states.INTERRUPTED, "")
            if self._delivery.commit(outcome):
                self._delivery.deliver(outcome)
        self._in_flight.clear()

    def _reason_to_end(self) -> str:
        broken = self._so_far.refused or self._delivery.stuck
        return self._enough() or self._hopeless() or broken or self._limits.out_of_time

    def _hopeless(self) -> str:
        if self._failed >= _HOPELESS and not self._complete:
            why = f", the last one with {self._last_failure}" if self._last_failure else ""
            return f"the first {self._failed} trials failed and none is complete{why}: see failure.txt on their runs"
        return ""

    def _enough(self) -> str:
        if self._rule is None or self._rule.stopped_at is None:
            return ""
        return f"enough: doubling the {self._rule.stopped_at} trials would buy less than asked for"

    def _count(self, number: int, result: TrialEnd) -> None:
        if self._rule is not None:
            self._rule.add(number, result.state, result.score)
        self._complete += result.state == states.COMPLETE
        self._failed += result.state == states.FAILED
        self._progress.seen(result.state, result.score)
