"""What a logged network makes of its data. Keras is imported on use: the driver reads the result."""

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
    """A network in inference mode on raw inputs. Plain arrays: it is sent between processes."""

    outputs: dict[str, Float]
    """For "validation" and "test": (rows, n_classes) probabilities, or (rows, targets) numbers in the user's units, in
    the order of the split's rows."""
    sample: NDArray[np.int64]
    """(n,) ascending row numbers of the part whose hidden activations were taken."""
    hidden: tuple[Float, ...]
    """Of each hidden layer, from the input on: what its activation function gives for the sample, (n, nodes)."""
    layers: tuple[Layer, ...]
    importances: NDArray[np.float64] | None = None
    """(n_features,) of the forest whose highest ones are the network's inputs; None where there was none."""
    chosen: NDArray[np.int64] | None = None
    """(k,) feature numbers that the network is fed, of those that the forest ranked."""

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
    """Runs the .keras file that a trial logged on the data that it was trained and scored on.

    The file is loaded in Keras' safe mode: it cannot run code of its own. Classes that it names are those of Keras and
    of `source`, where that is given, which is the user's own and runs. Hidden activations are those of at most
    `rows` rows of `part`, drawn from `seed`.

    Raises:
        ValueError: the model is none of such inputs and classes, or has classes that nobody knows.
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
        # One such layer in each hidden layer (models/networks/mlp.py), whatever else stands beside it.
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
    """What the model is fed of a part: raw inputs, or a table's encoded features."""
    if not split.columns:
        return lambda part: split.inputs[part]
    encoding = fit_scaling(split)
    return lambda part: encoding.apply(split.inputs[part])


def _sample(rows: int, most: int, seed: int) -> NDArray[np.int64]:
    chosen = np.random.default_rng(seed).permutation(rows)[:most]
    return np.sort(chosen).astype(np.int64)


def _ranking(model: "keras.Model", split: Split) -> tuple[NDArray[np.float64] | None, NDArray[np.int64] | None]:
    """Of a forest: grown again, since the model holds the features that it chose and not how it ranked them."""
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
