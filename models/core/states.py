"""The states and reasons with which trials end: the words that the search writes and the analysis reads."""

from typing import Final

COMPLETE: Final = "complete"
FAILED: Final = "failed"
PRUNED: Final = "pruned"
STATES = (COMPLETE, FAILED, PRUNED)
RUNNING = "running"
"""The state of an attempt that has not ended; never stored as the end of one."""
EXCEPTION, DIVERGED, TIMEOUT = "exception", "diverged", "timeout"
OUT_OF_MEMORY, RETRIES_EXHAUSTED = "out of memory", "retries exhausted"
CONFIGURATION_REASONS = (EXCEPTION, DIVERGED, TIMEOUT, OUT_OF_MEMORY, RETRIES_EXHAUSTED)
"""Reasons that are the configuration's fault: such a trial counts, with the worst value, and never runs again."""
WORKER_LOST, DRIVER_LOST, INTERRUPTED = "worker lost", "driver lost", "interrupted"
MACHINE_REASONS = (WORKER_LOST, DRIVER_LOST, INTERRUPTED)
"""Reasons that are the machine's fault: such an attempt does not count, and the trial's number runs again."""
STOPPED_REASONS = (DRIVER_LOST, INTERRUPTED)
"""The machine's reasons that a search gives its trials in flight when the search is cut off."""


def is_final(state: str, reason: str) -> bool:
    """Whether an attempt that ended so finishes its trial; otherwise the trial's number runs again."""
    return state in (COMPLETE, PRUNED) or (state == FAILED and reason in CONFIGURATION_REASONS)
