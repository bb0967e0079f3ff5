"""The picture and the table of a network's layers, and its learning curves, show the numbers they were given."""

import pytest

from analysis.figures.network import (
    layers_figure,
    layers_rows,
    learning_curves,
    totals_sentence,
)
from analysis.figures.style import png
from models.networks.layers import Layer

LAYERS = [
    Layer("input", "Input", (28, 28), 0),
    Layer("flatten", "Flatten", (784,), 0),
    Layer("hidden_1", "Dense, relu", (256,), 200_960),
    Layer("norm_1", "BatchNormalization", (256,), 1024, 512),
    Layer("output", "Dense, softmax", (10,), 2570),
]


def history(epochs: int, *prefixes: str) -> dict[int, dict[str, float]]:
    return {
        epoch: {
            prefix + metric: value
            for i, prefix in enumerate(prefixes)
            for metric, value in (("loss", (2.0 + i) / epoch), ("accuracy", 1 - (0.3 + 0.1 * i) / epoch))
        }
        for epoch in range(1, epochs + 1)
    }


def test_the_layers_are_listed_and_added_up() -> None:
    rows = layers_rows(LAYERS)
    assert rows[0] == ("input", "Input", "28 × 28", "0")
    assert rows[2] == ("hidden_1", "Dense, relu", "256", "200,960")
    assert totals_sentence(LAYERS) == "Parameters: 204,554 (trainable 204,042, not trainable 512)."


def test_the_picture_shows_every_layer_its_shape_and_its_parameters() -> None:
    figure = layers_figure(LAYERS, "trial 3")
    axes = figure.axes[0]
    texts = [text.get_text() for text in axes.texts]
    for layer in LAYERS:
        assert layer.kind in texts
    assert ["28 × 28" in texts, "784" in texts, texts.count("256"), "10" in texts] == [True, True, 2, True]
    assert {"200,960", "1,024", "2,570", " (98.2%)"} <= set(texts)
    widths = [patch.get_width() for patch in axes.patches if hasattr(patch, "get_width")][: len(LAYERS)]
    assert widths[0] == widths[1] == max(widths)
    assert widths[2] == widths[3] > widths[4] == min(widths)
    assert figure.get_suptitle() == "trial 3: 204,554 parameters, 512 of them not trained by\ngradients"
    assert png(layers_figure([LAYERS[0]], "no parameters"))


@pytest.mark.parametrize("prefixes", [("", "val_"), ("", "train_", "val_", "test_")])
def test_learning_curves_draw_each_metric_as_logged(prefixes: tuple[str, ...]) -> None:
    logged = history(9, *prefixes)
    figure = learning_curves(logged, "trial 3", kept=4)
    words = {
        "": "training, running mean while training",
        "train_": "training, inference mode",
        "val_": "validation",
        "test_": "test",
    }
    for axes, metric in zip(figure.axes, ("loss", "accuracy"), strict=True):
        lines = {line.get_label(): line for line in axes.get_lines()}
        for prefix in prefixes:
            line = lines[words[prefix]]
            assert line.get_xdata().tolist() == list(range(1, 10))
            assert line.get_ydata().tolist() == [logged[epoch][prefix + metric] for epoch in range(1, 10)]
        assert lines["kept epoch"].get_xdata() == [4, 4]
        rings = [line for line in axes.get_lines() if line.get_fillstyle() == "none" and len(line.get_xdata()) == 1]
        assert sorted(ring.get_ydata()[0] for ring in rings) == sorted(logged[4][p + metric] for p in prefixes)
        assert set(lines) & set(words.values()) == {words[prefix] for prefix in prefixes}
    title = figure.subfigs[0].texts[0].get_text()
    said = f"trial 3: learning curves; kept: epoch 4 of 9, val_loss {logged[4]['val_loss']:.4f}"
    assert title.replace("\n", " ") == said


def test_learning_curves_of_one_epoch_of_hundreds_and_of_perfect_scores() -> None:
    assert png(learning_curves(history(1, "", "val_"), "t", kept=1))
    assert png(learning_curves(history(500, "", "val_"), "t", kept=None))
    perfect = {epoch: {"loss": 0.0, "accuracy": 1.0, "val_loss": 0.0, "val_accuracy": 1.0} for epoch in (1, 2)}
    assert png(learning_curves(perfect, "t", kept=2))


def test_losses_over_a_wide_range_are_logarithmic() -> None:
    assert learning_curves(history(30, "", "val_"), "t").axes[0].get_yscale() == "log"
    assert learning_curves(history(3, "", "val_"), "t").axes[0].get_yscale() == "linear"


def test_wrong_descriptions_are_refused() -> None:
    with pytest.raises(ValueError, match="kept must be one of the 3 epochs, got 4"):
        learning_curves(history(3, "", "val_"), "t", kept=4)
    with pytest.raises(ValueError, match="non_trainable must be 0 to the number of parameters, 3, got 4"):
        Layer("a", "Dense", (1,), 3, 4)
    with pytest.raises(ValueError, match=r"output_shape must hold sizes of 1 or more, got \(0,\)"):
        Layer("a", "Dense", (0,), 3)
