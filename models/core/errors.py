"""The error that a person can mend, how its message shows a value, and the record of an error that nobody foresaw."""

import re
import reprlib
import time
import traceback
from pathlib import Path

_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 80
_SHORT.maxlist = _SHORT.maxtuple = _SHORT.maxdict = 6
_SHORT.maxlong = 40
_SHORT.maxlevel = 4

_COLOURS = re.compile(r"\x1b\[[0-9;]*m")  # Keras prints its messages in bold

UNFORESEEN = 70
"""The exit code of a command that ends in an unforeseen error: a fault of the program, not of its input."""


class ConfigError(ValueError):
    """A setting breaks a rule; the message states the rule, then the value received."""


def shown(value: object) -> str:
    """`value` as a message shows it: its repr, shortened, so that a huge or nested one costs nothing."""
    return _SHORT.repr(value)


def said_by(error: BaseException) -> str:
    """The message of an error of the user's code or of Keras, in one line."""
    return " ".join(_COLOURS.sub("", str(error)).split())


def report_unforeseen(error: BaseException) -> str:
    """Writes an error's traceback to a file in the working directory; returns one line that says so."""
    said = " ".join(f"{type(error).__name__}: {error}".split())[:160]
    file = Path(f"search-error-{time.strftime('%Y%m%d-%H%M%S')}.txt")
    try:
        file.write_text("".join(traceback.format_exception(error)), encoding="utf-8")
    except OSError as unwritten:
        return f"a fault of the program, not of its input: {said} (its traceback cannot be kept: {unwritten.strerror})"
    return f"a fault of the program, not of its input: {said}; its traceback is in {file.resolve()}"
