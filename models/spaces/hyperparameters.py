"""`hp`, with all methods that functions for KerasTuner use; KerasTuner need not be installed.

A hyperparameter behind a plain `if` or `for` is asked for when the call reaches it, like every other one.
"""

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from models.core.errors import ConfigError, shown
from models.core.parameters import Scalar
from models.spaces.answers import Answers
from models.spaces.domains import Domain, choice, plain, real, whole
from models.spaces.naming import Condition

_Identity = tuple[str, tuple[Condition, ...]]


class HyperParameters:
    """The `hp` of one trial.

    A hyperparameter is identified by its name, scopes included, and its conditions; a second request gives the first
    value. Under other conditions, the same name has the same value where its domain is the same, else its own value.
    """

    def __init__(self, answers: Answers) -> None:
        self.values: dict[str, Scalar] = {}
        """The value by name, where the conditions hold; where a name has several values, the last one asked for."""
        self._answers = answers
        self._scopes: list[str] = []
        self._conditions: list[Condition] = []
        self._answered: dict[_Identity, Scalar | None] = {}
        self._domains: dict[str, Domain] = {}

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        """KerasTuner's own class where it is imported, so that `isinstance(hp, keras_tuner.HyperParameters)` holds."""
        return getattr(sys.modules.get("keras_tuner"), "HyperParameters", HyperParameters)

    def Int(
        self,
        name: str,
        min_value: int,
        max_value: int,
        step: int | None = None,
        sampling: str | None = "linear",
        default: int | None = None,
        parent_name: str | None = None,
        parent_values: Any = None,
    ) -> Any:
        """A whole number from `min_value` to `max_value`, both included."""

        def domain() -> Domain:
            return whole(f"hp.Int {name!r}", min_value, max_value, step, sampling)

        return self._ask(name, domain, min_value if default is None else default, parent_name, parent_values)

    def Float(
        self,
        name: str,
        min_value: float,
        max_value: float,
        step: float | None = None,
        sampling: str | None = "linear",
        default: float | None = None,
        parent_name: str | None = None,
        parent_values: Any = None,
    ) -> Any:
        """A number from `min_value` to `max_value`; with a step both can be drawn."""

        def domain() -> Domain:
            return real(f"hp.Float {name!r}", min_value, max_value, step, sampling)

        return self._ask(name, domain, min_value if default is None else default, parent_name, parent_values)

    def Choice(
        self,
        name: str,
        values: Iterable[Any],
        ordered: bool | None = None,
        default: Any = None,
        parent_name: str | None = None,
        parent_values: Any = None,
    ) -> Any:
        """One of `values`, which are all words, all whole numbers, all other numbers or all booleans."""
        if isinstance(values, Iterator):
            values = list(values)

        def domain() -> Domain:
            made = choice(f"hp.Choice {name!r}", values)
            if len({type(value) for value in made.choices}) > 1:
                raise ConfigError(f"hp.Choice {name!r} must have choices of one type, got {shown(values)}")
            if default is not None and made.match(default) is None:
                raise ConfigError(f"hp.Choice {name!r} must have one of its choices as default, got {shown(default)}")
            return made

        first = next(iter(values), None) if isinstance(values, Iterable) else None
        return self._ask(name, domain, first if default is None else default, parent_name, parent_values)

    def Boolean(
        self, name: str, default: bool = False, parent_name: str | None = None, parent_values: Any = None
    ) -> Any:
        """True or False."""
        return self._ask(name, lambda: choice(name, (False, True)), default, parent_name, parent_values)

    def Fixed(self, name: str, value: Any, parent_name: str | None = None, parent_values: Any = None) -> Any:
        """`value` itself, which is stored with the other hyperparameters."""
        return self._ask(name, lambda: choice(f"hp.Fixed {name!r}", [value]), value, parent_name, parent_values)

    @contextmanager
    def name_scope(self, name: str) -> Iterator[None]:
        """Puts `name/` before the names that are asked for inside."""
        self._scopes.append(str(name))
        try:
            yield
        finally:
            self._scopes.pop()

    @contextmanager
    def conditional_scope(self, parent_name: str, parent_values: Any) -> Iterator[None]:
        """Gives hyperparameters inside a value only where the parent has one of `parent_values`; else they are None.

        The body itself always runs.

        Raises:
            ConfigError: the parent was not asked for before.
        """
        parent = self._full(parent_name)
        if all(name != parent for name, _ in self._answered):
            raise ConfigError(
                f"conditional_scope must name a hyperparameter that was asked for before, got {shown(parent)}"
            )
        if isinstance(parent_values, set | frozenset):
            parent_values = choice(parent, parent_values).choices  # in the order of their values
        listed = parent_values if isinstance(parent_values, list | tuple | range) else [parent_values]
        self._conditions.append(Condition(parent, tuple(plain(f"a condition on {parent}", value) for value in listed)))
        try:
            yield
        finally:
            self._conditions.pop()

    def get(self, name: str) -> Any:
        """The value of a hyperparameter.

        Raises:
            ValueError: the hyperparameter's conditions do not hold.
            KeyError: the hyperparameter was not asked for.
        """
        full = self._full(name)
        if full in self.values:
            return self.values[full]
        if any(full == known for known, _ in self._answered):
            raise ValueError(f"{full} is currently inactive.")
        raise KeyError(f"{full} does not exist.")

    def __getitem__(self, name: str) -> Any:
        return self.get(name)

    def __contains__(self, name: str) -> bool:
        return self._full(name) in self.values

    def is_active(self, name: str) -> bool:
        """Whether the hyperparameter was asked for and its conditions hold."""
        return str(name) in self.values

    def copy(self) -> "HyperParameters":
        """A copy with these values; further hyperparameters of the copy have their defaults and are not stored."""
        copied = _Defaults(self._answers)
        copied.values, copied._answered, copied._domains = dict(self.values), dict(self._answered), dict(self._domains)
        return copied

    def _full(self, name: str) -> str:
        return "/".join([*self._scopes, str(name)])

    def _ask(
        self, name: str, domain: Callable[[], Domain], default: Any, parent: str | None, parent_values: Any
    ) -> Scalar | None:
        with self.conditional_scope(parent, parent_values) if parent else nullcontext():
            identity = self._full(name), tuple(self._conditions)
            if identity not in self._answered:
                self._answered[identity] = self._answer(*identity, domain, default)
            return self._answered[identity]

    def _answer(
        self, name: str, conditions: tuple[Condition, ...], domain: Callable[[], Domain], default: Any
    ) -> Scalar | None:
        if any(condition.name == name for condition in conditions):
            raise ConfigError(f"a hyperparameter must have another name than its condition's parent, got {shown(name)}")
        if not all(self.values.get(condition.name) in condition.values for condition in conditions):
            return None
        made = domain()
        if self._domains.get(name) != made:
            self.values[name] = self._choose(name, conditions, made, default)
            self._domains[name] = made
        return self.values[name]

    def _choose(self, name: str, conditions: tuple[Condition, ...], domain: Domain, default: Any) -> Scalar:
        return self._answers.ask(name, conditions, domain)


class _Defaults(HyperParameters):
    """A copy whose new hyperparameters have their defaults, as KerasTuner's HyperModel(tunable=False) needs it."""

    def _choose(self, name: str, conditions: tuple[Condition, ...], domain: Domain, default: Any) -> Scalar:
        value = domain.match(default)
        if value is None:
            raise ConfigError(f"{name} must have a default among its values, {domain}, got {shown(default)}")
        return value
