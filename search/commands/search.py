"""`python -m search`: a search from its options to its exit code; what happens is in session.py."""

from collections.abc import Sequence


def main(arguments: Sequence[str]) -> int:
    # Imported here: a worker process that re-imports its parent's main module needs none of it.
    from search.commands.exit_codes import run_command
    from search.commands.options import read_options
    from search.commands.session import run_search
    from search.driver.console import make_console

    return run_command(lambda: run_search(read_options(list(arguments)), make_console()))
