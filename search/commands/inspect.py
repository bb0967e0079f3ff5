"""`python -m search inspect`: what the network of one trial does on its data, as pictures on its run."""

import os
from collections.abc import Sequence

from search.commands.exit_codes import Parser, run_command
from search.commands.options import DEFAULT


def main(arguments: Sequence[str]) -> int:
    parser = Parser(prog="python -m search inspect", description=__doc__, allow_abbrev=False)
    add = parser.add_argument
    add("--run-id", "--run_id", required=True, metavar="ID", help="the child run of a complete trial with a model")
    add("--versus", default=DEFAULT, metavar="ID", help="another trial's run on the same data, to compare errors")
    add("--classes", default=DEFAULT, metavar="A-B", help="two classes face to face (those most often confused)")
    add("--part", default="validation", metavar="validation|test", help="where single images come from (validation)")
    add("--dataset", default=DEFAULT, metavar="FILE", help="where its data lies now (where it lay then)")

    def act() -> int:
        given = parser.parse_args(arguments)
        # Imported here, after the worker process was started, which imports TensorFlow meanwhile. It imports this
        # module too, and needs nothing of that.
        from search.workers import fork_server

        own_run = os.environ.pop("MLFLOW_RUN_ID", None)  # no process of ours may reopen that run
        fork_server.start()
        try:
            from search.commands.network_pictures import inspect_run
            from search.driver.console import make_console

            versus, classes, dataset = (
                None if text == DEFAULT else text for text in (given.versus, given.classes, given.dataset)
            )
            return inspect_run(given.run_id, versus, classes, given.part, dataset, own_run, make_console())
        finally:
            fork_server.stop()

    return run_command(act)
