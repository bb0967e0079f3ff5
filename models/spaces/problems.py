"""Errors of the user's own code: in one line with the user's file and line, and with their traceback."""

import signal
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

from models.core.errors import ConfigError, said_by
from models.spaces.modules import paths_of
from models.spaces.source import Source

_MOST_CHARACTERS = 300


@dataclass(frozen=True)
class Problem:
    """The reason why a call of the user's function gave no network."""

    message: str
    """One line."""
    traceback: str
    """The traceback from the user's first line on."""


class TooSlow(BaseException):
    """A call of the user's function took too long; no Exception, so that the user's `except Exception` misses it."""


def problem_of(source: Source, error: BaseException) -> Problem:
    """`error`, raised by a call or by the loading of the user's code, with the user's line that it comes from."""
    files = paths_of(source)
    frames = traceback.extract_tb(error.__traceback__)
    theirs = [frame for frame in frames if frame.filename in files]
    place = f" at {files[theirs[-1].filename]} line {theirs[-1].lineno}" if theirs else ""
    said = said_by(error)[:_MOST_CHARACTERS]
    if not isinstance(error, ConfigError | TooSlow):
        said = f"{type(error).__name__}: {said}" if said else type(error).__name__
    first = next((place for place, frame in enumerate(frames) if frame.filename in files), len(frames))
    told = traceback.format_list(frames[first:]) + traceback.format_exception_only(error)
    return Problem(f"network {source} failed{place}: {said}", "".join(told))


@contextmanager
def at_most(seconds: float | None) -> Iterator[None]:
    """Raises TooSlow in a body that takes longer than `seconds`; in the main thread alone, while Python code runs."""
    if seconds is None or threading.current_thread() is not threading.main_thread():
        yield
        return

    def ring(number: int, frame: FrameType | None) -> None:
        raise TooSlow(f"it must return within {seconds:g} s, and did not")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds, 1)  # again each second, in case the user's code catches it
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
