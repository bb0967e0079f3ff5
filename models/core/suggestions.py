"""Hints in messages for misspelt names."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

from models.core.errors import ConfigError, shown

_BEGINNING = 3  # this many letters are enough to recognise a name


def did_you_mean(written: object, known: Iterable[str]) -> str:
    """`; did you mean 'digits'?`, or nothing where no known name is near."""
    names, word = list(known), str(written)
    longer = sorted((name for name in names if name.startswith(word)), key=len) if len(word) >= _BEGINNING else []
    near = longer[:1] or get_close_matches(word, names, n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def no_such(written: object, kind: str, known: Iterable[str]) -> str:
    """`'widht' is no parameter; did you mean 'width'?`, or a list of the known names where none is near."""
    names = list(known)
    near = did_you_mean(written, names)
    return f"{shown(written)} is no {kind}{near or f': there are {listed(names, 20)}'}"


def check_word(name: str, written: str, known: Sequence[str], or_empty: bool = True) -> str:
    """`written`, which must be one of `known` or empty.

    Raises:
        ConfigError: `written` is neither.
    """
    if written not in known and not (or_empty and written == ""):
        meant = did_you_mean(written, known)
        raise ConfigError(f"{name} must be one of {', '.join(known)}, got {shown(written)}{meant}")
    return written


def listed(values: Iterable[object], most: int = 12) -> str:
    """`a, b, c`; where there are more than `most` values, the first ones and the number of all."""
    texts = [str(value) for value in values]
    return ", ".join(texts) if len(texts) <= most else f"{', '.join(texts[:most])}, ... ({len(texts)} in all)"
