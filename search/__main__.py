"""`python -m search`: the options are in options.py, what happens is in session.py."""

import sys


def main(arguments: list[str]) -> int:
    # Imported here: worker processes import this module too, and need none of it.
    from search.command import run_command
    from search.console import make_console
    from search.options import read_options
    from search.session import run_search

    return run_command(lambda: run_search(read_options(arguments), make_console()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
