"""Raw rows in, answers in the user's own words out. This file lies beside each logged model that needs it, as code.

It stands alone: numpy, and Keras and pandas where a model is loaded and asked. Training encodes through the same
functions, so a logged model sees what its network was trained on, bit for bit.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

NUMERIC, BOOLEAN, CATEGORY = "numeric", "boolean", "category"
UNKNOWN = -1
"""The code of a category that the training part does not have."""
ROWS_AT_ONCE = 1024
_TRUTH = {"true": 1.0, "false": 0.0, "1": 1.0, "0": 0.0, "1.0": 1.0, "0.0": 0.0}


@dataclass(frozen=True)
class Column:
    """A column of a table: numbers; booleans as 1 and 0; or categories as their place among `categories`."""

    name: str
    kind: str
    categories: tuple[str, ...] = ()


@dataclass(frozen=True)
class EncodedColumn:
    """What a network is fed of a column, as the training part says."""

    column: Column
    fill: float
    """What stands for a gap: the median; of booleans and categories the most frequent, as its code."""
    centre: float = 0.0
    scale: float = 1.0
    kept: tuple[int, ...] = ()
    """Of categories: the codes that have a feature of their own; any other is all zeros."""

    @property
    def features(self) -> list[str]:
        if self.column.kind != CATEGORY:
            return [self.column.name]
        return [f"{self.column.name}={self.column.categories[code]}" for code in self.kept]


def code_columns(frame: Any, columns: Sequence[Column]) -> NDArray[np.float64]:
    """A DataFrame's columns as numbers (rows, columns), gaps as NaN.

    Raises:
        ValueError: a column is missing, or holds what its kind cannot be read from.
    """
    missing = [column.name for column in columns if column.name not in frame.columns]
    if missing:
        raise ValueError(f"the rows need the columns {', '.join(c.name for c in columns)}, got none of {missing}")
    return np.column_stack([code_column(frame[column.name], column) for column in columns])


def code_column(values: Any, column: Column) -> NDArray[np.float64]:
    """One column, a pandas Series, as numbers (rows,).

    Raises:
        ValueError: a value of a kind that the column does not have.
    """
    import pandas as pd

    gaps = values.isna().to_numpy()
    codes = np.full(len(values), np.nan)
    if column.kind == NUMERIC and values.dtype.kind in "iuf":
        return values.to_numpy(np.float64, na_value=np.nan)
    present = values[~gaps].tolist()
    if column.kind == CATEGORY:
        places = {category: place for place, category in enumerate(column.categories)}
        codes[~gaps] = [places.get(category_text(value), UNKNOWN) for value in present]
        return codes
    try:
        if column.kind == BOOLEAN:
            codes[~gaps] = [_TRUTH[str(value).strip().lower()] for value in present]
        else:
            codes[~gaps] = pd.to_numeric(pd.Series(present, dtype=object)).astype(np.float64)
    except (KeyError, ValueError, TypeError) as error:
        kind = "booleans" if column.kind == BOOLEAN else "numbers"
        raise ValueError(f"column {column.name} must be {kind}, got {error}") from None
    return codes


def values_of(codes: NDArray[np.float64], column: Column) -> list[Any]:
    """What `code_column` made `codes` of: numbers, booleans, or categories' names; None where there is a gap."""
    told = {NUMERIC: float, BOOLEAN: bool}.get(column.kind, lambda code: column.categories[int(code)])
    return [None if np.isnan(code) or (code == UNKNOWN and column.kind == CATEGORY) else told(code) for code in codes]


def category_text(value: Any) -> str:
    """A category's name: 3.0 and 3 are one."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def encode(codes: NDArray[np.float64], columns: Sequence[EncodedColumn]) -> NDArray[np.float32]:
    """Coded rows (rows, columns) as features (rows, n_features): filled, centred and scaled in float64; one-hot."""
    features = []
    for own, column in zip(codes.T, columns, strict=True):
        filled = np.where(np.isnan(own), column.fill, own)
        if column.column.kind == CATEGORY:
            features += [(filled == code).astype(np.float32) for code in column.kept]
        else:
            with np.errstate(over="ignore"):  # what is not finite is refused where the split is made
                features.append(((filled - column.centre) * column.scale).astype(np.float32))
    return np.ascontiguousarray(np.stack(features, axis=1))


def as_inputs(rows: Any, dtype: str, shape: Sequence[int]) -> NDArray[Any]:
    """Rows of numbers as an array (rows, *shape) of `dtype`, whichever numeric type holds their values.

    Raises:
        ValueError: the rows have another shape, are no numbers, or have values that `dtype` does not hold.
    """
    array = np.asarray(rows)
    if array.dtype == object:  # a DataFrame whose columns have several types, or a list of whatever it is
        array = np.asarray(array.tolist())
    if array.dtype.kind not in "biuf":
        raise ValueError(f"the rows must be numbers, got {array.dtype} of {type(rows).__name__}")
    if array.ndim == 0 or not len(array) or array.shape[1:] != tuple(shape):
        wanted = ", ".join(["rows", *map(str, shape)])
        raise ValueError(f"the rows must have the shape ({wanted}), with one row or more, got {array.shape}")
    with np.errstate(over="ignore", invalid="ignore"):
        converted = array.astype(dtype)
    whole = converted.dtype.kind != "f"
    lost = converted != array if whole else np.isfinite(array) & ~np.isfinite(converted)
    if lost.any():
        raise ValueError(f"the rows must have values that {dtype} holds, as the training data's, got {array[lost][0]}")
    return converted


def to_json(
    task: str,
    classes: Sequence[Any],
    targets: Sequence[str],
    columns: Sequence[EncodedColumn],
    inputs: tuple[str, Sequence[int]],
    plain: bool,
) -> str:
    """What `Served` needs beside the network; `inputs` are its dtype and the shape of a row.

    A `plain` one answers with the network's own numbers, the probabilities of classes or the targets, as an array.
    """
    described = {"task": task, "classes": list(classes), "targets": list(targets), "plain": plain}
    described |= {"inputs": {"dtype": inputs[0], "shape": list(inputs[1])}}
    return json.dumps(described | {"columns": [asdict(column) for column in columns]})


def answers_of(network: Any, rows: NDArray[Any]) -> NDArray[np.floating]:
    """What a Keras model makes of rows, as many at once as training measured it by: `predict` would cut float64s."""
    starts = range(0, len(rows), ROWS_AT_ONCE)
    return np.concatenate([network.predict_on_batch(rows[start : start + ROWS_AT_ONCE]) for start in starts])


class Served:
    """A logged network that takes a DataFrame of raw columns, or raw arrays, and answers in the user's terms."""

    def __init__(self, network: Any, described: str) -> None:
        values = json.loads(described)
        self.network = network
        self.task, self.classes, self.targets = values["task"], values["classes"], values["targets"]
        self.inputs, self.plain = values["inputs"], values["plain"]
        self.columns = [
            EncodedColumn(Column(**each["column"] | {"categories": tuple(each["column"]["categories"])}),
                          each["fill"], each["centre"], each["scale"], tuple(each["kept"]))
            for each in values["columns"]
        ]  # fmt: skip

    def predict(self, rows: Any, params: Any = None) -> Any:
        """A DataFrame: `prediction` and `probability of ...` for each class, or a column for each number predicted.

        Of numbers that have no name, the one column is `prediction`. A plain network answers an array with an array, a
        DataFrame with one whose columns are numbered.
        """
        import pandas as pd

        index = rows.index if hasattr(rows, "columns") else None
        if self.columns:
            frame = (
                rows if hasattr(rows, "columns") else pd.DataFrame(rows, columns=[c.column.name for c in self.columns])
            )
            rows = encode(code_columns(frame, [column.column for column in self.columns]), self.columns)
        else:
            rows = as_inputs(rows, **self.inputs)
        outputs = answers_of(self.network, rows)
        if self.plain:
            return outputs if index is None else pd.DataFrame(outputs, index=index)
        if self.task == "regression":
            return pd.DataFrame(outputs, columns=self.targets or ["prediction"], index=index)
        answers = pd.DataFrame({"prediction": [self.classes[k] for k in outputs.argmax(axis=1)]}, index=index)
        return answers.assign(**{f"probability of {label}": outputs[:, k] for k, label in enumerate(self.classes)})


def _load_pyfunc(path: str) -> Served:
    """What MLflow calls: `path` is the model's data folder."""
    import keras

    network = keras.models.load_model(Path(path) / "model.keras", compile=False, safe_mode=True)
    return Served(network, (Path(path) / "served.json").read_text(encoding="utf-8"))
