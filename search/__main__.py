"""`python -m search`: a search, or one of the commands that look at one. A file each in search/commands/."""

import os
import sys
from importlib import import_module

try:
    import_module("analysis.reading")
    from models.core.runtime import HASH_SEED, ensure_home
except ModuleNotFoundError as hidden:
    if (hidden.name or "").partition(".")[0] not in ("models", "analysis"):
        raise
    # Python looks into the working directory first.
    print(
        "error: the working directory must have no package models or analysis, which hides the project's own of that "
        f"name, got {os.getcwd()!r}: {hidden} (the command `search` of `pip install` does not look there)",
        file=sys.stderr,
    )
    sys.exit(2)

COMMANDS = {name: f"search.commands.{name}" for name in ("confirm", "replay", "inspect", "register", "ui")}
COMMANDS |= {"doctor": "search.doctor.command"}
"""The commands beside a search, and the module of each."""


def main(arguments: list[str]) -> int:
    """The exit code of `python -m search ARGUMENTS`: the first names a command, else they are a search's options."""
    ensure_home()
    module, rest = "search.commands.session", arguments
    if arguments and arguments[0] in COMMANDS:
        module, rest = COMMANDS[arguments[0]], arguments[1:]
    # Imported here: worker processes import this module too, and need none of it.
    return int(import_module(module).main(rest))


def _with_hash_seed() -> None:
    """Starts this process anew where the order of sets is drawn at random: it may train a network of the user's."""
    if any(os.environ.get(name) != value for name, value in HASH_SEED.items()):
        os.environ.update(HASH_SEED)
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


def command() -> None:
    """The program `search`."""
    _with_hash_seed()
    sys.exit(main(sys.argv[1:]))


def command_ui() -> None:
    """The program `search-ui`."""
    sys.exit(main(["ui", *sys.argv[1:]]))


if __name__ == "__main__":
    command()
