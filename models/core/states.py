"""How a trial may end, and why: the words that the search writes and the analysis reads."""

STATES = ("complete", "failed", "pruned")
CONFIGURATION_REASONS = ("exception", "diverged", "timeout", "out of memory", "retries exhausted")
"""Of failed trials, the configuration's own fault: counted, at the floor, and never run again."""
MACHINE_REASONS = ("worker lost", "driver lost", "interrupted")
"""Of failed attempts, the machine's fault: not counted, and run again as the number's next attempt."""


def is_final(state: str, reason: str) -> bool:
    """Whether a trial is finished with an attempt that ended so, or its number runs again."""
    return state in ("complete", "pruned") or (state == "failed" and reason in CONFIGURATION_REASONS)
