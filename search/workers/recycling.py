"""The memory of a worker: what the data take of it, and when a fresh process takes its place (Keras leaks some)."""

from models.data.splits import Split

_TRAINING = 2 * 1024**3  # bytes beside the data: several times what a trial on MNIST needs


def recycle_above(split: Split) -> int:
    """The bytes that a worker may hold after a trial: the data as numbers of training, twice, and room to train."""
    return _TRAINING + prepared_bytes(split)


def data_bytes(split: Split) -> int:
    """The bytes of all inputs as they are sent."""
    return sum(part.nbytes for part in split.inputs.values())


def prepared_bytes(split: Split) -> int:
    """The bytes of the data as numbers of training, float32 for what may be single bytes, twice."""
    return 8 * data_bytes(split)
