"""What somebody who misspelt a name may have meant."""

from collections.abc import Iterable
from difflib import get_close_matches


def did_you_mean(written: object, known: Iterable[str]) -> str:
    """`; did you mean 'digits'?`, or nothing where no known name is near."""
    near = get_close_matches(str(written), list(known), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def listed(values: Iterable[object], most: int = 12) -> str:
    """`a, b, c`; of more than `most` values the first ones and their count."""
    texts = [str(value) for value in values]
    return ", ".join(texts) if len(texts) <= most else f"{', '.join(texts[:most])}, ... ({len(texts)} in all)"
