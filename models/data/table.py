"""Data from a table: a .csv or .parquet file, or a DataFrame. pandas is imported only when a table is read."""

import csv
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from models.core.errors import ConfigError
from models.core.suggestions import did_you_mean, listed
from models.data.dataset import Array, Dataset
from models.data.labels import Target, encode_labels
from models.data.served import BOOLEAN, CATEGORY, NUMERIC, Column, code_columns
from models.data.stratified import grouped_split, stratified_split

SUFFIXES = (".csv", ".parquet")
MEANT = 0.8
"""A column of words of which at least this share reads as numbers, commas allowed, gets a hint."""
_DATE = re.compile(r"\s*(\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4})\b")
_IDENTIFIER = re.compile(r"(.*[_ -])?(id|uuid|guid|index|key)|unnamed: \d+", re.IGNORECASE)


@dataclass(frozen=True)
class Roles:
    """The columns of a table that have a role; all other columns are inputs."""

    target: tuple[str, ...]
    leave_out: tuple[str, ...] = ()
    group: str = ""
    weight: str = ""
    task: str = ""
    test: float = 0.2
    """The fraction held out as test part; unused where the test part is a table of its own."""


def read_table(path: Path) -> Any:
    """The DataFrame of a .csv or .parquet file.

    Raises:
        ConfigError: there is no such file, or the file cannot be read as one.
    """
    if not path.is_file():
        raise ConfigError(f"{str(path)!r}: no such file")
    import pandas as pd

    try:
        if path.suffix == ".parquet":
            table = pd.read_parquet(path)
            named = any(each is not None for each in table.index.names)  # an index with a name is a column to its owner
            return table.reset_index() if named else table
        with open(path, encoding="utf-8-sig", newline="") as file:
            header = file.readline()
        separator = max(",;\t", key=header.count)
        names = next(csv.reader([header], delimiter=separator), [])
        twice = [name for name in dict.fromkeys(names) if names.count(name) > 1]
        if twice:
            raise ConfigError(f"{path} must name each column once, got {listed(twice)} again")
        return pd.read_csv(path, sep=separator, encoding="utf-8-sig", low_memory=False)
    except ConfigError:
        raise
    except (ValueError, OSError, ImportError, UnicodeError, csv.Error) as error:
        kind = "Parquet" if path.suffix == ".parquet" else "CSV"
        why = str(error).splitlines()[0] if str(error) else type(error).__name__
        why = "it is not in UTF-8" if isinstance(error, UnicodeError) else why
        raise ConfigError(f"{path} must be a {kind} file with a line of names, got: {why}") from error


def table_dataset(name: str, source: str, table: Any, test_table: Any | None, roles: Roles, written: str) -> Dataset:
    """The data set of a DataFrame; the test part is `test_table`, or is cut out where that is None.

    The cut has a seed of its own, so that studies of any seed share one test part.

    Raises:
        ConfigError: a column is missing, or breaks a rule.
    """
    inputs, test_name = _inputs(name, table, roles), f"the test part of {name}"
    for part, rows in ((name, table), (test_name, test_table)):
        if rows is not None and not len(rows):
            raise ConfigError(f"{part} must have rows below its names, got none")
    if test_table is not None:
        _need_columns(test_name, test_table, (*inputs, *roles.target))
    _check_present(name, table, roles.target)
    columns = tuple(_column(name, table[column]) for column in inputs)
    codes, labels = _coded(name, table, columns), _labels(table, roles.target)
    groups = _groups(name, table, roles.group) if roles.group else None
    weights = _weights(name, table, roles.weight) if roles.weight else None
    what = " and ".join(roles.target)
    if test_table is None:
        target, y, _ = encode_labels(labels, labels, roles.task, (f"{what} of {name}",) * 2, roles.target)
        train, test = cut_test(name, target, y, roles.test, groups)
        y_train, y_test, x_test = y[train], y[test], codes[test]
    else:
        _check_present(test_name, test_table, roles.target)
        x_test, test_labels = _coded(test_name, test_table, columns), _labels(test_table, roles.target)
        _check_groups_apart(groups, test_table, roles.group)
        both = f"{what} of {name}", f"{what} of {test_name}"
        target, y_train, y_test = encode_labels(labels, test_labels, roles.task, both, roles.target)
        train = np.arange(len(codes))
    return Dataset(
        name, source, codes[train], y_train, x_test, y_test, target, columns,
        None if groups is None else groups[train], None if weights is None else weights[train],
        written, tuple(hint for column in inputs for hint in _hints(table[column], str(column))),
    )  # fmt: skip


def cut_test(
    name: str, target: Target, labels: Array, share: float, groups: Array | None = None
) -> tuple[Array, Array]:
    """The row numbers of the training part and of the test part, which has the fraction `share` of the rows.

    `labels` are those of all rows, as `target` has them. The seed is fixed and no study's.

    Raises:
        ConfigError: a class has too few rows to be in all three parts.
    """
    strata = target.strata(labels)
    counts, held_out = np.bincount(strata), round(share * len(strata))
    if counts.min() < 3:
        rare = int(counts.argmin())
        label = f"{target.class_names[rare]!r} " if target.classes else ""
        raise ConfigError(
            f"each class of {name} needs 3 rows or more, one for each part, got class {label}with {int(counts.min())}"
        )
    if not len(counts) <= held_out <= len(strata) - 2 * len(counts):
        raise ConfigError(
            f"test must leave a row of each of {len(counts)} classes in every part, got {share:g} of {len(strata)} rows"
        )
    if groups is None:
        return stratified_split(strata, held_out, seed=0)
    train, test = grouped_split(strata, groups, held_out, seed=0)
    if not len(train) or not len(test):
        raise ConfigError(f"test needs groups on both sides, got {len(np.unique(groups))} groups in {name}")
    return train, test


def _inputs(name: str, table: Any, roles: Roles) -> list[str]:
    """The names of the columns that are inputs."""
    named = [str(column) for column in table.columns]
    table.columns = named
    if not roles.target:
        raise ConfigError(f"{name} needs `target`: one of its columns {listed(named)}")
    _need_columns(name, table, roles.target, "target")
    _need_columns(name, table, roles.leave_out, "leave_out")
    _need_columns(name, table, tuple(filter(None, (roles.group,))), "group")
    _need_columns(name, table, tuple(filter(None, (roles.weight,))), "weight")
    taken = {*roles.target, *roles.leave_out, roles.group, roles.weight}
    inputs = [column for column in named if column not in taken]
    if not inputs:
        raise ConfigError(f"{name} needs a column to predict from, got {listed(named)}, all of them taken")
    return inputs


def _need_columns(name: str, table: Any, wanted: tuple[str, ...], role: str = "") -> None:
    known = [str(column) for column in table.columns]
    for column in wanted:
        if column not in known:
            what = f"{role} must be" if role else "it must have all of"
            of = f"one of its columns {listed(known)}" if role else listed(wanted)
            raise ConfigError(
                f"{name}: {what} {of}, got {column!r}{did_you_mean(column, known) if role else ' missing'}"
            )


def _check_present(name: str, table: Any, columns: tuple[str, ...]) -> None:
    for column in columns:
        gaps = table[column].isna().to_numpy()
        if gaps.any():
            raise ConfigError(
                f"column {column} of {name} must have a value in each row, got {int(gaps.sum())} without, the first in "
                f"row {int(gaps.argmax()) + 1} (words such as NA and None say in a CSV that there is none)"
            )


def _column(name: str, values: Any) -> Column:
    kind, label = values.dtype.kind, str(values.name)
    if kind in "Mm":
        raise ConfigError(
            f"column {label} of {name} holds dates, which have no encoding: leave_out: {label}, or numbers"
        )
    if kind == "c":
        raise ConfigError(f"column {label} of {name} must hold real numbers, got complex ones")
    present = values[~values.isna().to_numpy()]
    if kind == "b" or (kind == "O" and len(present) and all(isinstance(value, bool) for value in present)):
        return Column(label, BOOLEAN)
    if kind in "iuf" or not len(present):
        return Column(label, NUMERIC)
    from models.data.served import category_text

    odd = next((value for value in present if not isinstance(value, str | int | float | bool | np.generic)), None)
    if odd is not None:
        raise ConfigError(f"column {label} of {name} must hold words, numbers or booleans, got {type(odd).__name__}")
    return Column(label, CATEGORY, tuple(sorted({category_text(value) for value in present})))


def _coded(name: str, table: Any, columns: tuple[Column, ...]) -> Array:
    try:
        codes = code_columns(table, columns)
    except ValueError as error:
        raise ConfigError(f"{name}: {error}") from None
    wrong = np.flatnonzero(np.isinf(codes).any(axis=0))
    if len(wrong):
        raise ConfigError(f"column {columns[wrong[0]].name} of {name} must hold finite numbers or gaps, got infinity")
    return codes


def _labels(table: Any, target: tuple[str, ...]) -> Array:
    if len(target) > 1:
        return np.column_stack([_plain(table[column]) for column in target])
    return _plain(table[target[0]])


def _groups(name: str, table: Any, column: str) -> Array:
    _check_present(name, table, (column,))
    return np.asarray(table[column].astype(str).to_numpy(), dtype=np.str_)


def _check_groups_apart(groups: Array | None, test_table: Any, column: str) -> None:
    """Checks that no group of the training part is in the table of the test part, where that says groups.

    Raises:
        ConfigError: a group is in both.
    """
    if groups is None or column not in test_table.columns:
        return
    both = set(groups.tolist()) & set(test_table[column].astype(str))
    if both:
        raise ConfigError(f"a group must be in one part, got {listed(sorted(both), 4)} in training and test")


def _plain(values: Any) -> Array:
    """A column without gaps as a NumPy array; pandas has types of its own for booleans, numbers and words."""
    if values.dtype.kind in "biuf":
        own = {"b": bool, "i": np.int64, "u": np.uint64, "f": np.float64}[values.dtype.kind]
        return np.asarray(values.to_numpy(own))
    listed_values = values.tolist()
    if all(isinstance(value, bool) for value in listed_values):
        return np.array(listed_values, dtype=bool)
    return np.array([str(value) for value in listed_values], dtype=np.str_)


def _weights(name: str, table: Any, column: str) -> Array:
    _check_present(name, table, (column,))
    if table[column].dtype.kind not in "iuf":
        raise ConfigError(f"weight must be a column of numbers, got {column} of {name}, {table[column].dtype}")
    return np.asarray(table[column].to_numpy(np.float64))


def _hints(values: Any, column: str) -> list[str]:
    present = values[~values.isna().to_numpy()]
    distinct = int(present.nunique())
    words = values.dtype.kind not in "biuf"
    if not len(present):
        return [f"column {column} is empty: it tells nothing"]
    if distinct == 1:
        return [f"column {column} is the same in each row: it tells nothing"]
    if words and all(_DATE.match(str(value)) for value in present.head(20)):
        return [f"column {column} looks like a date: leave_out: {column}, unless its days come again"]
    odd = _not_a_number(present) if words else None
    if odd is not None:
        return [f"column {column} has values that are no numbers, such as {odd!r}, so it is taken for words"]
    whole = values.dtype.kind in "iu"
    if (
        len(present) >= 20
        and distinct == len(present)
        and (words or (whole and _looks_like_identifier(present, column)))
    ):
        return [
            f"column {column} has another value in each row, as an identifier or a text has, and is used all the same; "
            f"leave_out: {column} (--leave-out {column}) leaves it out"
        ]
    return []


def _not_a_number(words: Any) -> str | None:
    """The first word, such as `?`, `1,5` or `1,000`, in a column that mostly holds numbers; None in other columns."""
    import pandas as pd

    texts = words.astype(str)
    meant = pd.to_numeric(texts.str.replace(",", ""), errors="coerce").notna()
    plain = pd.to_numeric(texts, errors="coerce").notna()
    if meant.mean() < MEANT or plain.all() or meant.sum() < 20:
        return None
    return str(texts[~plain].iloc[0])


def _looks_like_identifier(values: Any, column: str) -> bool:
    steps = np.diff(values.to_numpy(np.float64))
    return bool(_IDENTIFIER.fullmatch(column)) or bool((steps == 1).all())
