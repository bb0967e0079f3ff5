"""`python -m search inspect`: pictures of one trial's network at work on the trial's data, on the trial's run."""

import os
from collections.abc import Sequence

from analysis.command_line.options import said
from search.command_line.described import parser_of
from search.command_line.exit_codes import run_command


def main(arguments: Sequence[str]) -> int:
    def act() -> int:
        given = parser_of("inspect").read(arguments)
        # The worker process imports this module too and needs none of what the command imports here.
        from search.workers import fork_server

        own_run = os.environ.pop("MLFLOW_RUN_ID", None)  # a worker process must not reopen that run
        fork_server.start()  # imports TensorFlow while this process imports what follows
        try:
            from search.command_line.console import make_console
            from search.commands.network_pictures import Wanted, inspect_run

            versus, classes, dataset = (said(given, name) for name in ("versus", "classes", "dataset"))
            wanted = Wanted(given["run_id"], given["part"], versus, classes, dataset)
            return inspect_run(wanted, own_run, make_console())
        finally:
            fork_server.stop()

    return run_command(act)
