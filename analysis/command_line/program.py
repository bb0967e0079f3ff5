"""How this project was started, and its other commands spelled in the same way."""

import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

MODULE, INSTALLED = "python -m search", "search"


@dataclass(frozen=True)
class Program:
    """The words before the options of a command: `python -m search`, `search`, or `mlflow run . --env-manager uv`."""

    start: str = MODULE

    @classmethod
    def of_process(cls) -> "Program":
        """The program of this process: the installed command where that was typed, else the module."""
        return cls(INSTALLED if Path(sys.argv[0]).name in (INSTALLED, f"{INSTALLED}-ui") else MODULE)

    @classmethod
    def of_project(cls, env_manager: str, address: str = ".") -> "Program":
        """The program `mlflow run`, with the option that chooses the kind of environment; conda needs no option.

        `address` is the place of the project as seen from the folder that the command is typed in.
        """
        start = f"mlflow run {shlex.quote(address)}"
        return cls(start if env_manager in ("", "conda") else f"{start} --env-manager {env_manager}")

    @property
    def is_project(self) -> bool:
        """Whether MLflow runs the project, and takes options as parameters."""
        return self.start.startswith("mlflow ")

    def command(self, name: str = "", options: Mapping[str, object] | None = None) -> str:
        """The line to type for the command `name`, empty for a search; values are quoted for a shell."""
        given = [(key, shlex.quote(str(value))) for key, value in (options or {}).items()]
        if self.is_project:
            return self.start + (f" -e {name}" if name else "") + "".join(f" -P {key}={value}" for key, value in given)
        words = (f" --{key.replace('_', '-')} {value}" for key, value in given)
        return self.start + (f" {name}" if name else "") + "".join(words)
