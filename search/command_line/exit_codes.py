"""The exit code of every command, and the one line that a refused command prints."""

import os
import sys
from collections.abc import Callable

from analysis.reading.addresses import without_secrets
from models.core.errors import UNFORESEEN, ConfigError, report_unforeseen

COMPLETE, MISSING, BAD_INPUT = 0, 1, 2


def run_command(act: Callable[[], int]) -> int:
    """The exit code of `act`. Bad input prints one line on stderr, kept by the run that `mlflow run` made too."""
    own_run = os.environ.get("MLFLOW_RUN_ID")  # a search takes it out of the environment
    try:
        return act()
    except KeyboardInterrupt:  # before a session handles signals itself; nothing has been made
        sys.stderr.write("interrupted\n")
        return MISSING
    except ConfigError as error:
        sys.stderr.write(f"error: {error}\n")
        if own_run is not None:
            from search.tracking.own_run import refuse_run

            refuse_run(own_run, str(error))
        return BAD_INPUT
    except Exception as error:  # the last guard: an unforeseen error ends in one line too
        sys.stderr.write(f"error: {without_secrets(report_unforeseen(error))}\n")
        return UNFORESEEN
