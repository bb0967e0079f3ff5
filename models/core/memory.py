"""Whether arrays fit in the memory that is free now: asked before they are made."""

import resource
from pathlib import Path

import psutil

from models.core.errors import ConfigError


def free_bytes() -> int:
    """The memory that a new array can take before the system swaps."""
    return int(psutil.virtual_memory().available)


def granted_bytes(groups: Path = Path("/sys/fs/cgroup")) -> int:
    """The memory that this process may still take, by its own limit (`ulimit -v`), its control group's and the machine.

    Beyond its own limit an allocation ends the process, beyond the group's the system kills it; neither raises an
    exception.
    """
    used = psutil.Process().memory_info()
    left = [psutil.virtual_memory().total + psutil.swap_memory().total - used.rss]
    soft = resource.getrlimit(resource.RLIMIT_AS)[0]
    if soft != resource.RLIM_INFINITY:
        left.append(soft - used.vms)
    of_process = Path("/proc/self/cgroup")
    for line in of_process.read_text().splitlines() if of_process.is_file() else ():
        _, kinds, path = line.split(":", 2)
        if kinds and "memory" not in kinds.split(","):
            continue
        root, name = (groups / "memory", "memory.limit_in_bytes") if kinds else (groups, "memory.max")
        # In a container the path may be the host's; the group's limit is then in the root folder.
        for file in (root / path.lstrip("/") / name, root / name):
            if file.is_file() and (text := file.read_text().strip()).isdigit():
                left.append(int(text) - used.rss)
    return max(min(left), 0)


def check_memory(what: str, size: int) -> None:
    """Checks that `size` bytes fit in free memory; `what` names their content in the message.

    Raises:
        ConfigError: the bytes do not fit.
    """
    free = free_bytes()
    if size > free:
        raise ConfigError(
            f"{what} must fit in memory, of which {readable_size(free)} are free, got {readable_size(size)}"
        )


def readable_size(size: int) -> str:
    """A number of bytes for people to read: 1.5 GB."""
    for unit, power in (("TB", 12), ("GB", 9), ("MB", 6)):
        if size >= 10**power:
            return f"{size / 10**power:,.1f} {unit}"
    return f"{size / 1000:,.1f} kB"
