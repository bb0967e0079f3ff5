"""Ctrl-C and SIGTERM during a search."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def asked_to_stop() -> Iterator[list[str]]:
    """Adds a reason to the list at Ctrl-C or SIGTERM, so that the search ends in order and no write is cut in two.

    The same signal a second time ends the process at once. The other signal does not: at one Ctrl-C, `mlflow run` sends
    SIGTERM after the terminal's SIGINT.
    """
    asked: list[str] = []

    def ask(number: int, frame: object) -> None:
        reason = f"interrupted ({signal.Signals(number).name})"
        if reason in asked:
            os._exit(128 + number)
        asked.append(reason)

    before = {each: signal.signal(each, ask) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
