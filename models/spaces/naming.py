"""The name that a hyperparameter is stored under, made of its own name and of the conditions under which it exists.

A stored name is one that MLflow takes (letters, digits, `_`, `-`, `.`, `/`, spaces, a normal path, 250 characters), and
has one kind of value in a study, as Optuna demands. A name that had to be changed for this ends in part of a hash of
the original, so that different names stay different.
"""

import hashlib
import keyword
import posixpath
import re
import unicodedata
from dataclasses import dataclass

from models.core import names
from models.core.errors import ConfigError
from models.core.parameters import Scalar
from models.spaces.domains import Domain

RESERVED = (
    "patience", "monitor", "keep", "train_metrics", names.NUMBER, names.SEED, names.CONFIG_HASH,
)  # fmt: skip
"""Names that a study and its plan use themselves, as names that end in `_rows` are, the sizes of parts of the data."""
_MOST_CHARACTERS = 180


@dataclass(frozen=True)
class Condition:
    """A parent hyperparameter, and its values under which the conditional hyperparameter exists."""

    name: str
    values: tuple[Scalar, ...]

    def __str__(self) -> str:
        return f"{_one_word(self.name)} is {' or '.join(map(_one_word, self.values))}"


def stored_name(name: str, conditions: tuple[Condition, ...]) -> str:
    """`units`, or `units when model is mlp`: a different name for each name and each list of conditions.

    Raises:
        ConfigError: the project uses the name itself.
    """
    if name in RESERVED or name.endswith(names.ROWS):
        rule = f"any name but {', '.join(RESERVED)} and those that end in {names.ROWS}"
        raise ConfigError(f"a hyperparameter may have {rule}, got {name!r}")
    full = f"{_one_word(name)} when {' and '.join(map(str, conditions))}" if conditions else name
    cleaned = unicodedata.normalize("NFC", re.sub(r"[^\w./ -]", "_", full))
    if not _is_plain_path(cleaned):
        cleaned = re.sub(r"[./]", "_", cleaned.strip()) or "_"
    if cleaned == full and len(full) <= _MOST_CHARACTERS and " when " not in name:
        return full
    return f"{cleaned[:_MOST_CHARACTERS]}-{_digest(full)}"


def other_kind(stored: str, domain: Domain) -> str:
    """The name for values of `domain` where `stored` has values of another domain, which Optuna does not mix."""
    return f"{stored} as {domain.kind}-{_digest(domain.likeness)}"


def _one_word(value: Scalar) -> str:
    """`value` as a word between `is`, `or` and `and`, quoted where it could be misread."""
    if not isinstance(value, str):
        return str(value)
    plain = re.fullmatch(r"[^\W\d][\w./-]*", value) and not keyword.iskeyword(value)
    return value if plain else repr(value)


def _is_plain_path(text: str) -> bool:
    return text == text.strip() and posixpath.normpath(text) == text and not text.startswith(("/", "."))


def _digest(text: str) -> str:
    return hashlib.sha256(ascii(text).encode()).hexdigest()[:8]
