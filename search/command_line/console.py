"""The console of a command; output that goes to no terminal has a fixed width."""

import sys

from rich.console import Console

_LOG_WIDTH = 110


def make_console() -> Console:
    return Console(width=None if sys.stdout.isatty() else _LOG_WIDTH)
