"""Whether arrays fit in the memory that is free now: asked before they are made."""

import psutil

from models.core.errors import ConfigError


def free_bytes() -> int:
    """The memory that a new array can have without anything else going to disk."""
    return int(psutil.virtual_memory().available)


def check_memory(what: str, size: int) -> None:
    """That `size` bytes of `what` fit.

    Raises:
        ConfigError: they do not.
    """
    free = free_bytes()
    if size > free:
        raise ConfigError(
            f"{what} must fit in memory, of which {readable_size(free)} are free, got {readable_size(size)}"
        )


def readable_size(size: int) -> str:
    """A number of bytes as people say it: 1.5 GB."""
    for unit, power in (("TB", 12), ("GB", 9), ("MB", 6)):
        if size >= 10**power:
            return f"{size / 10**power:,.1f} {unit}"
    return f"{size / 1000:,.1f} kB"
