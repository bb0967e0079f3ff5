"""`python -m search inspect`: what the network of one trial does on its data, as pictures on its run."""

import os
from collections.abc import Sequence

from analysis.command_line.options import said
from search.command_line.described import parser_of
from search.command_line.exit_codes import run_command


def main(arguments: Sequence[str]) -> int:
    def act() -> int:
        given = parser_of("inspect").read(arguments)
        # Imported here, after the worker process was started, which imports TensorFlow meanwhile. It imports this
        # module too, and needs nothing of that.
        from search.workers import fork_server

        own_run = os.environ.pop("MLFLOW_RUN_ID", None)  # no process of ours may reopen that run
        fork_server.start()
        try:
            from search.command_line.console import make_console
            from search.commands.network_pictures import inspect_run

            versus, classes, dataset = (said(given, name) for name in ("versus", "classes", "dataset"))
            return inspect_run(given["run_id"], versus, classes, given["part"], dataset, own_run, make_console())
        finally:
            fork_server.stop()

    return run_command(act)
