"""A layer of a network, as a summary lists it. Imports no Keras, because figures are drawn from layers."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Layer:
    """One layer, as a summary lists it."""

    name: str
    kind: str
    """The layer's class, such as "Dense", or with its activation, "Dense, relu"."""
    output_shape: tuple[int, ...]
    """The shape of one row's output, without the batch's axis."""
    parameters: int
    """The number of all parameters, trainable or not."""
    non_trainable: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.non_trainable <= self.parameters:
            raise ValueError(
                f"non_trainable must be 0 to the number of parameters, {self.parameters}, got {self.non_trainable}"
            )
        if any(size < 1 for size in self.output_shape):
            raise ValueError(f"output_shape must hold sizes of 1 or more, got {self.output_shape}")
