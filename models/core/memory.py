"""Whether arrays fit in the memory that is free now: asked before they are made."""

import os
from pathlib import Path

from models.core.errors import ConfigError


def free_bytes() -> int:
    """The memory that a new array can have without anything else going to disk."""
    try:
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        pass
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError, AttributeError):
        return 2**63 - 1


def check_memory(what: str, size: int) -> None:
    """That `size` bytes of `what` fit.

    Raises:
        ConfigError: they do not.
    """
    free = free_bytes()
    if size > free:
        raise ConfigError(f"{what} must fit in memory, of which {shown(free)} are free, got {shown(size)}")


def shown(size: int) -> str:
    """A number of bytes as people say it: 1.5 GB."""
    for unit, power in (("TB", 12), ("GB", 9), ("MB", 6)):
        if size >= 10**power:
            return f"{size / 10**power:,.1f} {unit}"
    return f"{size / 1000:,.1f} kB"
