"""The answers and activations of a logged network. Keras is imported on use, because the driver reads the result."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from models.core.results import SCORED_PARTS
from models.core.runtime import without_harmless_warnings
from models.data.scaling import Float, fit_scaling, fit_split_reduction
from models.data.served import answers_of
from models.data.splits import Split
from models.networks.layers import Layer
from models.spaces.source import Source

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class Inspection:
    """A network in inference mode on raw inputs, as plain arrays that are sent between processes."""

    outputs: dict[str, Float]
    """By part, "validation" and "test": probabilities (rows, n_classes), or numbers (rows, targets) in the user's
    units. The rows are in the order of the split."""
    sample: NDArray[np.int64]
    """(n,): the ascending row numbers of the part whose hidden activations were taken."""
    hidden: tuple[Float, ...]
    """For each hidden layer, from the input on: the outputs of its activation function for the sample, (n, nodes)."""
    layers: tuple[Layer, ...]
    importances: NDArray[np.float64] | None = None
    """(n_features,): the importances of the forest that chose the network's inputs; None where no forest chose."""
    chosen: NDArray[np.int64] | None = None
    """(k,): the numbers of the features that the forest chose."""

    @property
    def probabilities(self) -> dict[str, Float]:
        """`outputs` of a classification."""
        return self.outputs

    def __post_init__(self) -> None:
        rows = {len(activations) for activations in self.hidden}
        if rows - {len(self.sample)}:
            raise ValueError(f"hidden must hold a row for each of the {len(self.sample)} sampled, got {sorted(rows)}")


def inspect_model(
    file: Path, split: Split, part: str, rows: int, seed: int, source: Source | None = None
) -> Inspection:
    """Runs the .keras file that a trial logged on the data that the trial was trained and scored on.

    The file is loaded in Keras' safe mode, in which no code of the file runs. The classes of its layers are Keras' own
    and those of `source`, whose code, the user's own, does run. Hidden activations are taken for at most `rows` rows of
    `part`, drawn by `seed`.

    Raises:
        ValueError: the model does not fit the data, or has unknown classes.
    """
    import keras

    from models.networks.loading import load_network, own_objects

    with without_harmless_warnings():
        model = load_network(file, own_objects(source))
        shapes = tuple(model.input_shape[1:]), tuple(model.output_shape[1:])
        feed = _feed(split)
        own_shapes = feed("test").shape[1:], (split.target.n_outputs,)
        if shapes != own_shapes:
            wanted = f"{own_shapes[0]} -> {own_shapes[1]}"
            raise ValueError(f"the model must map the data's {wanted}, got {shapes[0]} -> {shapes[1]}")
        # Every hidden layer has exactly one layer of this class (models/networks/mlp.py).
        activations = [layer.output for layer in model.layers if isinstance(layer, keras.layers.Activation)]
        sample = _sample(split.rows(part), rows, seed)
        importances, chosen = _ranking(model, split)
        return Inspection(
            outputs={name: _run(model, feed(name)) for name in SCORED_PARTS},
            sample=sample,
            hidden=tuple(_run(keras.Model(model.inputs, each), feed(part)[sample]) for each in activations),
            layers=tuple(_described(layer) for layer in model.layers),
            importances=importances,
            chosen=chosen,
        )


def _feed(split: Split) -> Callable[[str], NDArray[np.generic]]:
    """From a part of the data to the model's inputs: raw inputs, or for a table encoded features."""
    if not split.columns:
        return lambda part: split.inputs[part]
    encoding = fit_scaling(split)
    return lambda part: encoding.apply(split.inputs[part])


def _sample(rows: int, most: int, seed: int) -> NDArray[np.int64]:
    chosen = np.random.default_rng(seed).permutation(rows)[:most]
    return np.sort(chosen).astype(np.int64)


def _ranking(model: "keras.Model", split: Split) -> tuple[NDArray[np.float64] | None, NDArray[np.int64] | None]:
    """Importances and chosen features of a forest, fitted again, because the model holds the choice and no ranking."""
    if not split.reduction.startswith("forest"):
        return None, None
    chosen = model.get_layer("reduction").get_weights()[0].argmax(axis=0)
    grown = fit_split_reduction(split, fit_scaling(split).apply(split.inputs["train"]))
    if not np.array_equal(grown.chosen, chosen):
        raise ValueError(f"the forest must choose the model's features again, {chosen.tolist()}, got {grown.chosen}")
    return grown.importances, chosen


def _run(model: "keras.Model", inputs: NDArray[np.generic]) -> Float:
    return np.asarray(answers_of(model, inputs))


def _described(layer: "keras.layers.Layer") -> Layer:
    fixed = sum(int(np.prod(variable.shape)) for variable in layer.non_trainable_weights)
    shape = tuple(int(size) for size in layer.output.shape[1:])
    activation = layer.get_config().get("activation", "linear")
    kind = type(layer).__name__ + ("" if activation == "linear" else f", {activation}")
    return Layer(layer.name, kind, shape, layer.count_params(), fixed)
