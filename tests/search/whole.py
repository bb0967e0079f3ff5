"""`python -m search` whole, in this process, on an engine of the test's own."""

from dataclasses import replace

from search.command_line.console import make_console
from search.command_line.exit_codes import run_command
from search.command_line.options import read_options
from search.commands.session import run_search
from search.workers.engine import Engine


def search_on(engine: Engine, *arguments: str, **limits: float) -> int:
    """The exit code of a search with these arguments; `limits` are fields of search.driver.limits.Limits."""

    def act() -> int:
        options = read_options(list(arguments))
        limited = replace(options, limits=replace(options.limits, **limits))
        return run_search(limited, make_console(), make=lambda *_: engine)

    return run_command(act)
