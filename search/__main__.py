"""`python -m search`: a search, or one of the commands that look at one. A file each in search/commands/."""

import sys
from importlib import import_module

from models.core.runtime import ensure_home

COMMANDS = ("confirm", "replay", "inspect", "doctor", "ui")


def main(arguments: list[str]) -> int:
    """The exit code of `python -m search ARGUMENTS`: the first names a command, else they are a search's options."""
    ensure_home()
    command, rest = "search", arguments
    if arguments and arguments[0] in COMMANDS:
        command, *rest = arguments
    # Imported here: worker processes import this module too, and need none of it.
    return int(import_module(f"search.commands.{command}").main(rest))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
