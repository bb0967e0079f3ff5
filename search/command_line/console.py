"""The terminal, and the width of what is printed where there is none."""

import sys

from rich.console import Console

_LOG_WIDTH = 110


def make_console() -> Console:
    return Console(width=None if sys.stdout.isatty() else _LOG_WIDTH)
