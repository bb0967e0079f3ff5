"""The answers behind `hp` and `trial`: a request for a value is answered and recorded, or answered from a plan."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from models.core.errors import ConfigError, shown
from models.core.parameters import Scalar
from models.core.suggestions import listed
from models.spaces.domains import Domain
from models.spaces.naming import Condition, other_kind, stored_name

MOST_HYPERPARAMETERS = 1000
"""The most of one trial: a function that asks for more asks in an endless loop."""


class Answers(Protocol):
    """The source of values that `hp` and `trial` ask."""

    def ask(self, name: str, conditions: tuple[Condition, ...], domain: Domain) -> Scalar:
        """A value of `domain` for the hyperparameter with this name and these conditions."""


@dataclass
class Recorder:
    """Answers by `choose`, and records each request and its answer by stored name."""

    choose: Callable[[str, Domain], Scalar]
    """From a name without its kind, and the domain, to a value."""
    known: dict[str, Domain]
    """By stored name, the first domain in the study: one dict for all trials, to which each trial adds."""
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
    """Answers with the plan's values for a trial, by stored name; a value may be given as text."""

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
