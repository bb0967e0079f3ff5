"""What went wrong in the user's own code, in one line with their file and line, and with its traceback."""

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
    """Why a call of the user's function gave no network."""

    message: str
    """One line."""
    traceback: str
    """Of the user's own code, or empty."""


class TooSlow(BaseException):
    """A call of the user's function did not end in its time. No error that their `except Exception` would catch."""


def problem_of(source: Source, error: BaseException) -> Problem:
    """`error`, which a call or the loading of the user's code raised, where their code stood."""
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
    """Raises TooSlow, in the line that runs, when the body takes longer: in the main thread, while Python runs."""
    if seconds is None or threading.current_thread() is not threading.main_thread():
        yield
        return

    def ring(number: int, frame: FrameType | None) -> None:
        raise TooSlow(f"it must return within {seconds:g} s, and did not")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds, 1)  # again each second, should their code catch it after all
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
