"""The inputs of a network of the user's own: rows of features in the shape, or under the names, that it asks for."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from models.core.errors import ConfigError

Shape = tuple[int, ...]
Columns = Mapping[str, tuple[int, int]]
"""The columns of a table, each with the first of its features and the one after its last."""


@dataclass(frozen=True)
class Interface:
    """The rows that data offer a network, and the answers that their task needs."""

    shape: Shape
    """The shape of one row as a network takes it."""
    columns: Columns
    """Empty for data that are no table."""
    n_outputs: int
    classes: bool
    """Whether the answers are probabilities of classes; otherwise they are numbers."""


@dataclass(frozen=True)
class Piece:
    """One input of a network: the features from `start` to before `stop`, each row of them in `shape`."""

    name: str
    start: int
    stop: int
    shape: Shape


@dataclass(frozen=True)
class Feeding:
    """The way from features (rows, n_features) to the inputs of a network's call."""

    pieces: tuple[Piece, ...]
    named: bool
    """Whether the inputs are a dict by the pieces' names; otherwise the one piece itself."""

    def of(self, features: tf.Tensor) -> Any:
        """`features` as the network takes them."""
        found = {
            piece.name: tf.reshape(features[:, piece.start : piece.stop], [-1, *piece.shape]) for piece in self.pieces
        }
        return found if self.named else found[self.pieces[0].name]

    def layers(self, features: Any) -> Any:
        """As `of`, for Keras' symbolic tensor, by layers that are saved with a model."""
        width, found = features.shape[1], {}
        for piece in self.pieces:
            part = features if piece.stop - piece.start == width else features[:, piece.start : piece.stop]
            if piece.shape != (piece.stop - piece.start,):
                part = keras.layers.Reshape(piece.shape, name=f"shape_{piece.name}")(part)
            found[piece.name] = part
        return found if self.named else found[self.pieces[0].name]


def array_feedings(shape: Shape) -> Iterator[Feeding]:
    """The possible inputs for rows of the data's own `shape`: that shape, then flat, then with one channel."""
    size = math.prod(shape)
    for wanted in dict.fromkeys((shape, (size,), (*shape, 1))):
        yield Feeding((Piece("features", 0, size, wanted),), named=False)


def feeding_of(model: keras.Model, shape: Shape, columns: Columns) -> Feeding | None:
    """The inputs that `model` declares; None where it declares none, as a subclass before its first call.

    Raises:
        ConfigError: the data have no such shape, or no such columns.
    """
    asked = _inputs_of(model)
    if asked is None:
        return None
    if isinstance(asked, dict) and (len(asked) > 1 or columns):
        unknown = sorted(set(asked) - set(columns))
        if unknown:
            raise ConfigError(
                f"each of a network's inputs must be named as a column, one of {', '.join(columns) or 'none'}, "
                f"got {', '.join(unknown)}"
            )
        return Feeding(tuple(_column(name, *columns[name], asked[name]) for name in asked), named=True)
    name, wanted = next(iter(asked.items())) if isinstance(asked, dict) else ("features", asked)
    for feeding in array_feedings(shape):
        piece = feeding.pieces[0]
        if _fits(piece.shape, wanted):
            return Feeding((Piece(name, piece.start, piece.stop, piece.shape),), isinstance(asked, dict))
    raise _misfit(shape, wanted)


def _column(name: str, start: int, stop: int, wanted: tuple[int | None, ...]) -> Piece:
    width = stop - start
    for shape in ((width,), (width, 1), *([()] if width == 1 else [])):
        if _fits(shape, wanted):
            return Piece(name, start, stop, shape)
    raise ConfigError(f"the input {name} of a network must take its column's features, ({width},), got {wanted}")


def _misfit(shape: Shape, wanted: tuple[int | None, ...]) -> ConfigError:
    possible = ", ".join(str(feeding.pieces[0].shape) for feeding in array_feedings(shape))
    return ConfigError(f"a network's input must have the shape of the data's rows, one of {possible}, got {wanted}")


def _fits(shape: Shape, wanted: tuple[int | None, ...]) -> bool:
    """Whether `shape` is one that `wanted` allows, where None stands for any size."""
    return len(shape) == len(wanted) and all(want in (None, size) for size, want in zip(shape, wanted, strict=True))


def _inputs_of(model: keras.Model) -> Any:
    """The shape of one row that `model` takes, by name where it has several inputs or takes a dict."""
    try:
        tensors, taken = model.inputs, model.input
    except (AttributeError, ValueError):  # a subclass, or a Sequential that has no input yet
        built = (model.get_build_config() or {}).get("input_shape") if model.built else None
        return tuple(built[1:]) if isinstance(built, list | tuple) else None
    if isinstance(taken, dict):
        return {name: tuple(tensor.shape[1:]) for name, tensor in taken.items()}
    if len(tensors) > 1:
        return {tensor.name: tuple(tensor.shape[1:]) for tensor in tensors}
    return tuple(tensors[0].shape[1:])
