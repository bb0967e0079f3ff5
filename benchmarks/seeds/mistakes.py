"""Mistakes in five class-room notebooks on MNIST, each tried, with its effect in numbers.

    python -m benchmarks.seeds.mistakes --dataset mnist.npz

The grid of notebook 004 runs through `python -m search` in --folder three times: on inputs divided by 255 twice, with
linear hidden layers, and as the notebook's code says. All other mistakes are counted or trained here, in a minute.
"""

import argparse
import math
import os
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.seeds.__main__ import read, search
from models.data.dataset import Dataset
from models.data.sources import load_dataset
from search.study.study_file import load_settings

# 004, the grid's printed accuracies on 8,000 test images: rows dropout 0, 0.1, 0.3, 0.5, 0.8, columns width 16 to 256.
GRID_004 = np.array(
    [
        [0.915, 0.919, 0.919, 0.914, 0.915],
        [0.918, 0.921, 0.921, 0.919, 0.915],
        [0.913, 0.918, 0.917, 0.919, 0.914],
        [0.905, 0.916, 0.919, 0.919, 0.918],
        [0.881, 0.899, 0.909, 0.914, 0.918],
    ]
)
_GRID = "mnist-dropout-width"


def main() -> None:
    parser = argparse.ArgumentParser(description="Mistakes in five class-room notebooks, each tried.")
    parser.add_argument("--dataset", required=True, metavar="FILE.npz", help="MNIST")
    parser.add_argument("--folder", default=str(Path(tempfile.gettempdir(), "seeds")), help="where the grids go")
    parser.add_argument("--without-grids", action="store_true", help="only what takes a minute")
    asked = parser.parse_args()
    dataset = load_dataset(asked.dataset)
    leaked_scaling(dataset)
    constant_pixels(dataset)
    most_and_least_typical(dataset)
    stuck_network()
    two_halves_of_the_test_part(dataset)
    low_learning_rate(dataset)
    if not asked.without_grids:
        folder = Path(asked.folder)
        folder.mkdir(parents=True, exist_ok=True)
        grids(dataset, str(Path(asked.dataset).resolve()), folder)


def leaked_scaling(dataset: Dataset) -> None:
    """The effect of 003's standardisation by all 60,000 training images before 6,000 of them are held out."""
    flat = dataset.x_train.reshape(len(dataset.x_train), -1)
    kept = np.random.default_rng(0).permutation(len(flat))[:54_000]
    varies = flat[kept].std(axis=0) > 0
    ratio = flat[kept].std(axis=0)[varies] / flat.std(axis=0)[varies]
    print(
        f"003, standardised before the split: a pixel's deviation over 54,000 images is {np.quantile(ratio, 0.05):.3f} "
        f"to {np.quantile(ratio, 0.95):.3f} of that over 60,000 (nine pixels of ten)"
    )


def constant_pixels(dataset: Dataset) -> None:
    """The effect of 003's division by (deviation + 1e-10) on pixels that never vary in the training images."""
    constant = dataset.x_train.std(axis=0) == 0
    lit = dataset.x_test[:, constant]
    print(
        f"003, standardisation: {constant.sum()} pixels are 0 in all training images; in test images "
        f"{np.count_nonzero(lit)} of them are not, in {np.count_nonzero(lit.any(axis=1))} image(s), and come out as "
        f"up to {lit.max() / 1e-10:.1e}"
    )


def most_and_least_typical(dataset: Dataset) -> None:
    """003's criteria of typical images beside the distance to the mean image."""
    first, lightest, ranks = 0, 0, []
    for digit in range(dataset.n_classes):
        images = dataset.x_train[dataset.y_train == digit]
        mean = images.mean(axis=0)
        distance = np.sqrt(((images - mean) ** 2).sum(axis=(1, 2)))
        best = worst = images[0]
        worst_at = 0
        for at, image in enumerate(images):  # as the notebook does it; best - image wraps around in uint8
            if (worst - mean).mean() > (image - mean).mean():
                worst, worst_at = image, at
            if (best - image).mean() < 10 ^ -5:
                best = image
        first += int((best == images[0]).all())
        lightest += int(worst.sum() == images.sum(axis=(1, 2)).min())
        ranks.append((int((distance < distance[0]).sum()), int((distance > distance[worst_at]).sum()), len(images)))
    print(
        f"003, nearest to the mean: 10 ^ -5 is {10 ^ -5}, and the mean of unsigned differences is never below 0: the "
        f"first image of the class in {first} of {dataset.n_classes} classes; nearer to the mean than it are "
        f"{_span([100 * nearer / count for nearer, _, count in ranks])} % of the class"
    )
    print(
        f"003, least similar: the lightest image in {lightest} of {dataset.n_classes} classes; farther from the mean "
        f"than it are {_span([100 * farther / count for _, farther, count in ranks])} % of the class"
    )


def _span(values: list[float]) -> str:
    return f"{min(values):.0f} to {max(values):.0f}"


def stuck_network() -> None:
    """The scores of a network that is certain of a 5 for every image, beside 002's 0.0892 at learning rate 0.0001."""
    clipped = -math.log(1e-7)  # Keras clips a probability at 1e-7
    for part, share, loss in (("test", 892 / 10_000, 14.6804), ("training", 5_421 / 60_000, 14.6618)):
        print(
            f"002, learning rate 0.0001: always and surely 5 has accuracy {share:.4f} and loss "
            f"{clipped * (1 - share):.4f} on the {part} images; its every epoch reports {loss}"
        )


def two_halves_of_the_test_part(dataset: Dataset) -> None:
    """Whether 004's two parts of the test images are equally hard: the first 8,000 to test, the rest to validate."""
    network = _fitted(dataset, width=128, dropout=0.3, rate=0.001, batch=1000, epochs=10)
    right = network.predict(dataset.x_test / np.float32(255), verbose=0).argmax(axis=1) == dataset.y_test
    print(
        f"004, one network: accuracy {right[:8000].mean():.4f} on the first 8,000 test images (tested on) and "
        f"{right[8000:].mean():.4f} on the last 2,000 (validated on); the notebook's 0.9635 and 0.9765"
    )


def low_learning_rate(dataset: Dataset) -> None:
    """002's network at its learning rate of 0.0001, once fresh, and once after a training that got stuck."""
    import keras

    fresh = _fitted(dataset, width=64, depth=2, dropout=0.2, rate=1e-4, batch=128, epochs=3, optimizer="rmsprop")
    x, y = dataset.x_test / np.float32(255), keras.utils.to_categorical(dataset.y_test)

    def clipped(truth, predicted):  # type: ignore[no-untyped-def]
        """Keras' cross-entropy of 2019, from clipped probabilities; beyond the limits its slope is 0."""
        return -keras.ops.sum(truth * keras.ops.log(keras.ops.clip(predicted, 1e-7, 1 - 1e-7)), axis=-1)

    accuracy = (fresh.predict(x, verbose=0).argmax(axis=1) == dataset.y_test).mean()
    print(f"002, a fresh network at learning rate 0.0001: test accuracy {accuracy:.4f} after 3 epochs")
    stuck = _network(dataset, width=64, depth=2, dropout=0.2)
    train = dataset.x_train / np.float32(255), keras.utils.to_categorical(dataset.y_train)
    for rate in (1.0, 1e-4):
        stuck.compile(keras.optimizers.RMSprop(rate), clipped, metrics=["accuracy"])  # the weights stay
        stuck.fit(*train, batch_size=128, epochs=1, verbose=0)
        loss, accuracy = stuck.evaluate(x, y, verbose=0)
        classes = np.unique(stuck.predict(x, verbose=0).argmax(axis=1))
        print(
            f"002, one network compiled again: after an epoch at learning rate {rate:g} loss {loss:.4f}, accuracy "
            f"{accuracy:.4f}, classes named {', '.join(map(str, classes))}"
        )


def _network(dataset: Dataset, width: int, dropout: float, depth: int = 1):  # type: ignore[no-untyped-def]
    import keras

    keras.utils.set_random_seed(0)
    hidden = [keras.layers.Dense(width, activation="relu"), keras.layers.Dropout(dropout)]
    hidden += [keras.layers.Dense(width, activation="relu"), keras.layers.Dropout(dropout)] * (depth - 1)
    layers = [keras.layers.Input(dataset.input_shape), keras.layers.Flatten(), *hidden]
    return keras.Sequential([*layers, keras.layers.Dense(10, activation="softmax")])


def _fitted(dataset: Dataset, rate: float, batch: int, epochs: int, optimizer: str = "adam", **of_network):  # type: ignore[no-untyped-def]
    network = _network(dataset, **of_network)
    network.compile(optimizer, "sparse_categorical_crossentropy")
    network.optimizer.learning_rate = rate
    network.fit(dataset.x_train / np.float32(255), dataset.y_train, batch_size=batch, epochs=epochs, verbose=0)
    return network


def grids(dataset: Dataset, path: str, folder: Path) -> None:
    """004's grid on inputs divided by 255 twice, and on inputs divided once without and with a relu."""
    twice = folder / "twice.npz"
    if not twice.exists():
        whole, labels = np.float32(255) ** 2, {"y_train": dataset.y_train, "y_test": dataset.y_test}
        parts = {"x_train": dataset.x_train / whole, "x_test": dataset.x_test / whole}
        np.savez(folder / "unfinished.npz", **parts | labels)
        (folder / "unfinished.npz").rename(twice)
    study = load_settings(_GRID).as_written()
    print(f"004's grid: accuracy {GRID_004.min():.3f} to {GRID_004.max():.3f} in the notebook")
    for name, data, activation in (
        ("grid-twice", {"dataset": str(twice), "preprocessing": "none"}, "relu"),
        ("grid-linear", {"dataset": path}, "linear"),
        ("grid-once", {"dataset": path}, "relu"),
    ):
        training = study["training"] | {"activation": activation}
        search(folder, name, study | {"data": study["data"] | data, "training": training}, None)
        frame = read(folder, name).frame
        cells = frame.pivot(index="params.dropout", columns="params.width", values="test_accuracy").to_numpy()
        apart = np.abs(cells - GRID_004)
        together = np.corrcoef(cells.ravel(), GRID_004.ravel())[0, 1]
        print(
            f"{name}: {cells.min():.3f} to {cells.max():.3f}, from the notebook's cells on average {apart.mean():.3f} "
            f"and at most {apart.max():.3f} away, correlation {together:.2f}\n{np.round(cells, 3)}"
        )


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
    main()
