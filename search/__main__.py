"""`python -m search`: a search, or one of the commands that look at one. A file each in search/commands/."""

import gc
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


def main(arguments: list[str]) -> int:
    """The exit code of `python -m search ARGUMENTS`: the first names a command, else they are a search's options."""
    ensure_home()
    # Imported here: worker processes import this module too, and need none of it.
    from search.command_line.described import COMMANDS, no_command

    name, rest = "", arguments
    if arguments and not arguments[0].startswith("-"):
        name, *rest = arguments
        if name not in COMMANDS:
            print(f"error: {no_command(name)}", file=sys.stderr)
            return 2
    command = COMMANDS[name]
    return int(getattr(import_module(command.module), command.function)(rest))


def _with_hash_seed() -> None:
    """Starts this process anew where the order of sets is drawn at random: it may train a network of the user's."""
    if any(os.environ.get(name) != value for name, value in HASH_SEED.items()):
        os.environ.update(HASH_SEED)
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


def command() -> None:
    """The program `search`."""
    _with_hash_seed()
    code = main(sys.argv[1:])
    gc.freeze()  # else Python looks through half a million objects for garbage before it ends: 1.5 s
    sys.exit(code)


def command_ui() -> None:
    """The program `search-ui`."""
    sys.exit(main(["ui", *sys.argv[1:]]))


if __name__ == "__main__":
    command()
