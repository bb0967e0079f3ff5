"""The values that one hyperparameter may take, and the value at a place or at a fraction of the range.

Steps are counted in decimals, so that (0, 0.5, 0.1) has the six values that KerasTuner documents; its version 1.4.8
loses the last one to rounding (keras-tuner#1001).
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Context, Decimal, localcontext
from typing import Any

from models.core.errors import ConfigError, shown
from models.core.parameters import Scalar, is_whole
from models.core.suggestions import did_you_mean

SAMPLINGS = ("linear", "log", "reverse_log")
MOST_WHOLE = 2**53
"""The largest end of a range of whole numbers: stores keep numbers as float64, which makes larger ones equal."""
MOST_CHARACTERS = 1000
"""The most of a word among choices."""
_SLACK = Decimal("1e-9")  # a share of a step: a range from 0 to 0.3 as float32 still has three steps of 0.1
_DECIMALS = Context(prec=50)


@dataclass(frozen=True)
class Domain:
    """`choices`, or a range from `low` to `high`. Made by `choice`, `whole` and `real`, which check it."""

    kind: str
    """choice, int or float."""
    choices: tuple[Scalar, ...] = ()
    """Sorted by value, so that the order in which a set is iterated changes nothing."""
    low: int | float = 0
    high: int | float = 0
    """Included; for a linear range with a step, the last value that the steps reach."""
    step: int | float | None = None
    """The difference of neighbouring values, or their ratio where sampling is not linear; None: no steps."""
    sampling: str = "linear"
    """The map from a fraction to a value, as KerasTuner documents it: one of SAMPLINGS."""

    @property
    def count(self) -> int | None:
        """The number of values; None for a range without steps."""
        if self.kind == "choice":
            return len(self.choices)
        if self.low == self.high:
            return 1
        if self.step is None:
            return None
        if self.sampling == "linear" and self.kind == "int":
            return int((self.high - self.low) // self.step) + 1
        if self.sampling == "linear":
            with localcontext(_DECIMALS):
                distance = _exact(self.high) - _exact(self.low) + _exact(math.ulp(self.high))
                return int(distance / _exact(self.step) + _SLACK) + 1
        return int((math.log(self.high) - math.log(self.low)) / math.log(self.step) + 1e-8) + 1

    def at(self, place: int) -> Scalar:
        """The value at a place, from 0 to below `count`."""
        if self.kind == "choice":
            return self.choices[place]
        if self.low == self.high:
            return self.low
        assert self.step is not None
        low, high, step = _exact(self.low), _exact(self.high), _exact(self.step)
        with localcontext(_DECIMALS):
            if self.sampling == "linear":
                value = low + place * step
            elif self.sampling == "log":
                value = low * step**place
            else:
                value = high + low - low * step**place
        return self._plain(value)

    def at_fraction(self, fraction: float) -> Scalar:
        """The value at a fraction in [0, 1); where the number of values is finite, each has an equal part of that."""
        count = self.count
        if count is not None:
            return self.at(min(int(fraction * count), count - 1))
        low, high = self.low, self.high + (1 if self.kind == "int" else 0)
        if self.sampling == "linear":
            return self._plain(low + fraction * (high - low))
        # Through logarithms, not the quotient of the ends: 1e300 / 1e-320 is no float64.
        part = fraction if self.sampling == "log" else 1 - fraction
        value = math.exp(math.log(low) + part * (math.log(high) - math.log(low)))
        return self._plain(value if self.sampling == "log" else high + low - value)

    def _plain(self, value: Decimal | float) -> Scalar:
        kind = int if self.kind == "int" else float
        return min(max(kind(value), kind(self.low)), kind(self.high))

    def is_like(self, other: "Domain") -> bool:
        """Whether Optuna lets one name have both: it refuses another kind, other choices, and log beside linear."""
        return self.likeness == other.likeness

    @property
    def likeness(self) -> str:
        """The properties that Optuna wants equal under one name: the kind, choices with their types, log or not."""
        return repr((self.kind, self.choices, self.sampling == "log"))

    def match(self, written: Any) -> Scalar | None:
        """The value of this domain that `written` means, given as a value or as text; None where there is none."""
        written = _unwrapped(written)
        if self.kind == "choice":
            same = [choice for choice in self.choices if choice == written]  # no two are equal
            return next(iter(same or [choice for choice in self.choices if str(choice) == written]), None)
        try:
            value = _number(self.kind, written)
        except (TypeError, ValueError):
            return None
        return value if self.low <= value <= self.high else None

    def as_json(self) -> dict[str, Any]:
        if self.kind == "choice":
            return {"kind": self.kind, "choices": list(self.choices)}
        ends = {"kind": self.kind, "low": self.low, "high": self.high}
        return ends | {"step": self.step, "sampling": self.sampling}

    @classmethod
    def from_json(cls, written: Mapping[str, Any]) -> "Domain":
        fields = dict(written)
        return cls(choices=tuple(fields.pop("choices", ())), **fields)

    def __str__(self) -> str:
        if self.kind == "choice":
            return shown(list(self.choices))
        extra = "" if self.step is None else f", step {self.step}"
        return f"{self.low} to {self.high}{extra}" + ("" if self.sampling == "linear" else f", {self.sampling}")


def choice(name: str, values: Any) -> Domain:
    """One of `values`, any iterable; the same value twice counts once.

    Raises:
        ConfigError: there are no values, one cannot be stored, or two are equal although they differ, as 1 and True.
    """
    if isinstance(values, str | bytes | Mapping) or not isinstance(values, Iterable):
        raise ConfigError(f"{name} must have a list of choices, got {shown(values)}")
    found = [plain(name, value) for value in values]
    if not found:
        raise ConfigError(f"{name} must have one choice at least, got {shown(values)}")
    different: dict[Scalar, Scalar] = {}
    for value in found:
        first = different.setdefault(value, value)
        if type(first) is not type(value):
            raise ConfigError(f"{name} must have choices that differ, got {first!r} and {value!r}, which are equal")
    ordered = sorted(different.values(), key=lambda value: (isinstance(value, str), value))
    return Domain("choice", choices=tuple(ordered))


def whole(name: str, low: Any, high: Any, step: Any = None, sampling: Any = "linear") -> Domain:
    """Whole numbers from `low` to `high`, both included; a linear range without a step has step 1.

    Raises:
        ConfigError: an end or the step is no such number, or the ends do not make a range.
    """
    for what, value in (("low", low), ("high", high), ("step", 1 if step is None else step)):
        if not is_whole(_unwrapped(value)) or abs(value) > MOST_WHOLE:
            rule = "whole numbers up to 2**53 as its ends and step"
            raise ConfigError(f"{name} must have {rule}, got {what} {shown(value)}")
    if step is None and sampling in (None, "linear"):
        step = 1
    return _range("int", name, int(low), int(high), None if step is None else int(step), sampling)


def real(name: str, low: Any, high: Any, step: Any = None, sampling: Any = "linear") -> Domain:
    """Numbers from `low` to `high`.

    Raises:
        ConfigError: an end or the step is no such number, or the ends do not make a range.
    """
    for what, value in (("low", low), ("high", high), ("step", 1 if step is None else step)):
        number = _unwrapped(value)
        if isinstance(number, bool) or not isinstance(number, int | float) or not abs(number) < math.inf:
            raise ConfigError(f"{name} must have finite numbers as its ends and step, got {what} {shown(value)}")
    try:
        ends = float(low), float(high), None if step is None else float(step)
    except OverflowError:
        raise ConfigError(f"{name} must have ends that float64 can hold, got {shown(low)} and {shown(high)}") from None
    return _range("float", name, *ends, sampling)


def _range(kind: str, name: str, low: Any, high: Any, step: Any, sampling: Any) -> Domain:
    sampling = "linear" if sampling is None else str(sampling).lower()
    if sampling not in SAMPLINGS:
        raise ConfigError(
            f"{name} must have a sampling of {', '.join(SAMPLINGS)}, got {shown(sampling)}"
            f"{did_you_mean(sampling, SAMPLINGS)}"
        )
    if low > high:
        raise ConfigError(f"{name} must have its lower end first, got {low} and {high}")
    if not high - low < math.inf:
        raise ConfigError(f"{name} must have ends whose distance float64 can hold, got {low} and {high}")
    if sampling != "linear" and low <= 0:
        raise ConfigError(f"{name} must have ends above 0 for {sampling} sampling, got {low}")
    least = 0 if sampling == "linear" else 1
    if step is not None and not step > least:
        raise ConfigError(f"{name} must have a step above {least} for {sampling} sampling, got {step}")
    domain = Domain(kind, low=low, high=high, step=step, sampling=sampling)
    if step is None or sampling != "linear":
        return domain
    last: Any = domain.at((domain.count or 1) - 1)
    return Domain(kind, low=low, high=last, step=step)


def _exact(value: float) -> Decimal:
    return Decimal(repr(value))


def _number(kind: str, written: Any) -> int | float:
    if isinstance(written, bool):
        raise TypeError("a boolean is no number")
    return int(written) if kind == "int" and not isinstance(written, float) else float(written)


def _unwrapped(value: Any) -> Any:
    """`value`, or where it is a NumPy scalar the Python number."""
    return value.item() if hasattr(value, "dtype") and getattr(value, "ndim", None) == 0 else value


def plain(name: str, value: Any) -> Scalar:
    """`value` as a Python number, word or boolean.

    Raises:
        ConfigError: `value` is none of these, or cannot be stored.
    """
    value = _unwrapped(value)
    if isinstance(value, str):
        text = str.__str__(value)
        if len(text) > MOST_CHARACTERS or "\0" in text or text.encode("utf-8", "replace").decode() != text:
            rule = f"words of {MOST_CHARACTERS:,} characters at most that UTF-8 can encode"
            raise ConfigError(f"{name} must have {rule}, got {shown(text)}")
        return text
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float) and math.isfinite(value):
        return float(value)
    raise ConfigError(f"{name} must have numbers, words or booleans as values, got {shown(value)}")
