"""When a worker process is replaced by a fresh one: Keras leaks some memory with every network."""

from models.data.splits import Split

_TRAINING = 2 * 1024**3  # bytes beside the data: several times what a trial on MNIST needs


def recycle_above(split: Split) -> int:
    """The bytes that a worker may hold after a trial: the data as numbers of training, twice, and room to train."""
    return _TRAINING + 8 * sum(part.nbytes for part in split.inputs.values())
