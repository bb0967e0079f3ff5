"""`python -m search report` and `quote`: the report of a study of this project, or of another program's search."""

import sys
from collections.abc import Sequence

from models.core.errors import ConfigError
from search.command_line.described import parser_of
from search.command_line.exit_codes import COMPLETE, run_command


def main(arguments: Sequence[str]) -> int:
    """Writes the report of a study of this project, and attaches the report to the study's run."""
    return run_command(lambda: _write(parser_of("report").read(arguments) | {"attach": "true"}))


def quote(arguments: Sequence[str]) -> int:
    """Writes the report of a search that another program made."""
    return run_command(lambda: _write(parser_of("quote").read(arguments)))


def _write(given: dict[str, str]) -> int:
    from analysis.__main__ import write  # imports matplotlib, which takes a second; --help does without

    try:
        files = write(given)
    except (ValueError, OSError) as error:
        raise ConfigError(" ".join(str(error).split())) from None
    sys.stdout.write("".join(f"{file}\n" for file in files))
    return COMPLETE
