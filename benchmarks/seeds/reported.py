"""The numbers that five class-room notebooks on MNIST reported, each with its notebook and cell."""

from dataclasses import dataclass

_SAME = "chosen on the test images"
_TEST_OF_TWO_PARTS = (2_000 * 0.9765 + 8_000 * 0.9635) / 10_000


@dataclass(frozen=True)
class Reported:
    """One network of a notebook, and the study and configuration that repeat it. None: the notebook does not say."""

    study: str
    number: int
    """The network's place among the study's configurations."""
    network: str
    source: str
    """Notebook and cell."""
    parameters: int
    epochs: int
    validation: float | None = None
    test: float | None = None
    seconds: float | None = None
    """The seconds of the training on the notebook's own machine."""
    remark: str = ""
    """How the notebook's number differs in meaning from ours."""


REPORTED = (
    Reported("one-node", 0, "1, relu", "000 [14-16]", 805, 30, 0.4294, 0.4333, 84.26),
    Reported("two-nodes", 0, "2, relu", "000 [27-29]", 1_600, 30, 0.6958, 0.7006, 95.17),
    Reported(
        "baseline", 0, "128, dropout 0.3", "004", 101_770, 10, 0.9765, _TEST_OF_TWO_PARTS, 43,
        "validated on the last 2,000 test images, tested on the other 8,000 (0.9635): both together are compared",
    ),
    Reported("batch-norm", 0, "256-128-64, batch norm", "003", 244_554, 10, 0.9732, None, 34, "no test accuracy"),
    Reported("smallest-95-baselines", 0, "128, SGD", "003", 101_770, 10, 0.9667, None, 25, "no test accuracy"),
    Reported(
        "smallest-95-baselines", 1, "13-128", "003", 13_287, 13, 0.9495, None, 150,
        "no test accuracy; epoch 8 of 13, after which the page repeats the training numbers; the code says 10 epochs",
    ),
    Reported(
        "forest", 0, "700, relu, 70 pixels", "000 [152-157]", 56_710, 18, 0.9542, 0.9482, 153.65,
        "its table says sigmoid and 556,510 parameters",
    ),
    Reported(
        "pca", 0, "700, sigmoid, 154 components", "000 [127-132]", 115_510, 24, 0.9802, 0.9789, 275.36,
        "its table says 556,510 parameters",
    ),
    Reported("two-sizes", 0, "64-64, dropout 0.2", "002 [14-15]", 55_050, 30, None, 0.9762, 35, _SAME),
    Reported("two-sizes", 1, "400-300, dropout 0.4", "002 [20-21]", 437_310, 20, None, 0.9836, 66, _SAME),
    Reported("two-sizes", 2, "64-16, dropout 0.5, L2", "002 [26-29]", 51_450, 30, None, 0.9678, 50, _SAME),
    Reported(
        "two-sizes", 3, "64-64, learning rate 0.0001", "002 [31]", 55_050, 30, None, 0.0892, 36,
        "a network that was stuck before this training began",
    ),
    Reported("regularised", 0, "512-256", "001 [23-26]", 535_818, 50, None, 0.9805, 138),
    Reported("regularised", 1, "512-256, dropout 0.5, L2", "001 [38-42]", 535_818, 50, None, 0.9831, 175),
    Reported(
        "regularised", 2, "the same, stopped early", "001 [48-50]", 535_818, 24, None, None, 125,
        "no test accuracy; the line that sets the patience is missing from the page",
    ),
    Reported(
        "best-mlp", 0, "700, relu, RMSprop", "000 [86-88]", 556_510, 14, 0.9802, 0.9820, 330.92,
    ),
    Reported(
        "best-mlp", 1, "700, sigmoid, Adam", "000 [95-97]", 556_510, 21, 0.9854, 0.9818, 2421.43,
        "trained three times: 0.9805 in [121] and 0.9769 in [148]; 1,828 of the seconds are one epoch's",
    ),
)  # fmt: skip

CROSS_VALIDATED = {
    100: (0.96740, 0.00120, 41.1),
    150: (0.97153, 0.00108, 630.9),
    200: (0.97229, 0.00080, 77.9),
    250: (0.97285, 0.00153, 59.9),
    300: (0.97125, 0.00227, 57.9),
    350: (0.97140, 0.00184, 61.8),
    400: (0.97455, 0.00036, 74.9),
    450: (0.97360, 0.00136, 96.9),
    500: (0.97275, 0.00069, 72.2),
    550: (0.97351, 0.00104, 104.0),
    600: (0.97244, 0.00192, 271.0),
    650: (0.97413, 0.00011, 93.3),
    700: (0.97502, 0.00216, 109.7),
    750: (0.97485, 0.00187, 112.4),
    800: (0.97211, 0.00061, 116.0),
    850: (0.97165, 0.00138, 103.5),
}
"""000 [78], by width: mean and deviation of the accuracy on three folds, and mean seconds of a fit."""

REFIT = (700, 0.9796)
"""000 [77, 81]: the width that was best, and its test accuracy."""
