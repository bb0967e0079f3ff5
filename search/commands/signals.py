"""Ctrl-C and SIGTERM, heard from the start of a session to its end."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def asked_to_stop() -> Iterator[list[str]]:
    """Fills the list when Ctrl-C or SIGTERM comes, so that no write is cut in two; the same one again ends at once.

    The same one: at one Ctrl-C, `mlflow run` sends SIGTERM after the terminal's SIGINT.
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
