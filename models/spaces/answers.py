"""What stands behind `hp` and `trial`: a request for a value is answered and kept, or answered from a plan."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from models.core.errors import ConfigError, shown
from models.core.parameters import Scalar
from models.core.suggestions import listed
from models.spaces.domains import Domain
from models.spaces.naming import Condition, other_kind, stored_name

MOST_HYPERPARAMETERS = 1000
"""Of one trial: a function that asks for more asks in a loop without end."""


class Answers(Protocol):
    """What `hp` and `trial` ask."""

    def ask(self, name: str, conditions: tuple[Condition, ...], domain: Domain) -> Scalar:
        """A value of `domain`, for the hyperparameter that is known by its name and its conditions."""


@dataclass
class Recorder:
    """Answers by `choose`, and keeps under which name what was asked for and answered."""

    choose: Callable[[str, Domain], Scalar]
    """From a name without its kind, and the domain, to a value."""
    known: dict[str, Domain]
    """By stored name the first domain that it had in the study: shared by all its trials, and added to."""
    parameters: dict[str, Scalar] = field(default_factory=dict)
    domains: dict[str, Domain] = field(default_factory=dict)

    def ask(self, name: str, conditions: tuple[Condition, ...], domain: Domain) -> Scalar:
        base = stored_name(name, conditions)
        stored = base if self.known.setdefault(base, domain).is_like(domain) else other_kind(base, domain)
        self.known.setdefault(stored, domain)
        if stored in self.parameters:
            raise ConfigError(f"hyperparameters must have names that stay different when stored, got {stored!r} twice")
        if len(self.parameters) >= MOST_HYPERPARAMETERS:
            raise ConfigError(
                f"a trial may have {MOST_HYPERPARAMETERS:,} hyperparameters, got more, {shown(name)} among them"
            )
        value = self.choose(base, domain)
        self.parameters[stored], self.domains[stored] = value, domain
        return value


@dataclass(frozen=True)
class Planned:
    """Answers with what the plan has for a trial, by stored name; a value may be as text."""

    parameters: Mapping[str, object]

    def ask(self, name: str, conditions: tuple[Condition, ...], domain: Domain) -> Scalar:
        base = stored_name(name, conditions)
        stored = next((key for key in (other_kind(base, domain), base) if key in self.parameters), None)
        if stored is None:
            raise ConfigError(
                f"a network may ask for the hyperparameters that it asked for when its plan was drawn, got {base!r}, "
                f"which its plan lacks (it has {listed(self.parameters) or 'none'})"
            )
        value = domain.match(self.parameters[stored])
        if value is None:
            raise ConfigError(
                f"{base} must be asked for as when the plan was drawn, which has {shown(self.parameters[stored])} for "
                f"it, got a request for {domain}"
            )
        return value
