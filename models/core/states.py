"""How a trial may end, and why: the words that the search writes and the analysis reads."""

from typing import Final

COMPLETE: Final = "complete"
FAILED: Final = "failed"
PRUNED: Final = "pruned"
STATES = (COMPLETE, FAILED, PRUNED)
RUNNING = "running"
"""Of an attempt that has not ended: no end, and never written as one."""
EXCEPTION, DIVERGED, TIMEOUT = "exception", "diverged", "timeout"
OUT_OF_MEMORY, RETRIES_EXHAUSTED = "out of memory", "retries exhausted"
CONFIGURATION_REASONS = (EXCEPTION, DIVERGED, TIMEOUT, OUT_OF_MEMORY, RETRIES_EXHAUSTED)
"""Of failed trials, the configuration's own fault: counted, at the floor, and never run again."""
WORKER_LOST, DRIVER_LOST, INTERRUPTED = "worker lost", "driver lost", "interrupted"
MACHINE_REASONS = (WORKER_LOST, DRIVER_LOST, INTERRUPTED)
"""Of failed attempts, the machine's fault: not counted, and run again as the number's next attempt."""
STOPPED_REASONS = (DRIVER_LOST, INTERRUPTED)
"""Of the machine's, those by which a search that was cut off leaves its trials in flight."""


def is_final(state: str, reason: str) -> bool:
    """Whether a trial is finished with an attempt that ended so, or its number runs again."""
    return state in (COMPLETE, PRUNED) or (state == FAILED and reason in CONFIGURATION_REASONS)
