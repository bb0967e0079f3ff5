"""When a worker's process is replaced: Keras leaks memory, and the data need some of it."""

from models.data.splits import Split

_TRAINING = 2 * 1024**3  # bytes without the data: several times what a trial on MNIST needs


def recycle_above(split: Split) -> int:
    """The most bytes that a worker may hold after a trial without being replaced: prepared data and room to train."""
    return _TRAINING + prepared_bytes(split)


def data_bytes(split: Split) -> int:
    """The bytes of all inputs as the worker receives them."""
    return sum(part.nbytes for part in split.inputs.values())


def prepared_bytes(split: Split) -> int:
    """The bytes of the data prepared for training, at most: single bytes become float32, in two copies."""
    return 8 * data_bytes(split)
