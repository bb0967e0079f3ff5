"""`trial`, with the methods that functions for Optuna use while they build a network."""

from typing import Any

from models.core.errors import ConfigError
from models.core.parameters import Scalar
from models.spaces.answers import Answers
from models.spaces.domains import Domain, choice, real, whole


class Trial:
    """The `trial` of one trial; a second request for a name gives the first value."""

    def __init__(self, answers: Answers, number: int) -> None:
        self.number = number
        self.params: dict[str, Scalar] = {}
        self.user_attrs: dict[str, Any] = {}
        self._answers = answers
        self._domains: dict[str, Domain] = {}

    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1, log: bool = False) -> int:
        """A whole number from `low` to `high`, both included."""
        asked = f"suggest_int {name!r}"
        if log and step != 1:
            raise ConfigError(f"{asked} must have either a step or log, got step {step} and log")
        return self._ask(name, whole(asked, low, high, None if log else step, "log" if log else "linear"))

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False
    ) -> float:
        """A number from `low` to `high`."""
        asked = f"suggest_float {name!r}"
        if log and step is not None:
            raise ConfigError(f"{asked} must have either a step or log, got step {step} and log")
        return self._ask(name, real(asked, low, high, step, "log" if log else "linear"))

    def suggest_categorical(self, name: str, choices: Any) -> Any:
        """One of `choices`: numbers, words, booleans."""
        return self._ask(name, choice(f"suggest_categorical {name!r}", choices))

    def set_user_attr(self, key: str, value: Any) -> None:
        """Keeps `value` for this call alone; it is not stored."""
        self.user_attrs[key] = value

    def report(self, value: float, step: int) -> None:
        """Does nothing: the search itself reports each epoch."""

    def should_prune(self) -> bool:
        """False: the study's own pruner decides."""
        return False

    def _ask(self, name: str, domain: Domain) -> Any:
        if name not in self.params:
            self.params[name], self._domains[name] = self._answers.ask(str(name), (), domain), domain
        elif not self._domains[name].is_like(domain):
            raise ConfigError(
                f"a name must be asked for as one kind of value in a trial, got {name!r} as {self._domains[name]} and "
                f"as {domain}"
            )
        return self.params[name]
