"""`python -m search`: the options are in options.py, what happens is in session.py."""

import os
import sys


def main(arguments: list[str]) -> int:
    # Imported here: worker processes import this module too, and need none of it.
    from models.config import ConfigError
    from search.console import make_console
    from search.options import read_options
    from search.session import BAD_INPUT, MISSING, run_search

    own_run = os.environ.get("MLFLOW_RUN_ID")
    try:
        return run_search(read_options(arguments), make_console())
    except KeyboardInterrupt:  # before the session answers signals itself: nothing has been made
        print("interrupted", file=sys.stderr)
        return MISSING
    except ConfigError as error:
        print(f"error: {error}", file=sys.stderr)
        if own_run is not None:
            from search.tracking import refuse_run

            refuse_run(own_run, str(error))
        return BAD_INPUT


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
