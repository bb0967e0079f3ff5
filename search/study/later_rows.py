"""The rest of a plan whose space the user's function defines, drawn while the first trials are training."""

import subprocess
from threading import Thread

from models.core.errors import ConfigError
from models.data.splits import Split
from search.study.own_space import OwnSpace, ask_network
from search.study.settings import StudySettings

FIRST = 16
"""Rows that a search begins with: a row is drawn in 0.02 to 0.1 s, so that the first trials start at once."""


class LaterRows:
    """Draws up to `count` rows, from those of `known` on, in a process of its own, from now on."""

    def __init__(self, settings: StudySettings, split: Split, count: int, known: OwnSpace) -> None:
        self._asked = settings, split, count, known
        self._process: subprocess.Popen[str] | None = None
        self._found: OwnSpace | None = None
        self._error: Exception | None = None
        self._stopped = False
        self._thread = Thread(target=self._draw, name="rows", daemon=True)
        self._thread.start()

    def take(self) -> OwnSpace | None:
        """The space with all rows; None while they are being drawn.

        Raises:
            ConfigError: they could not be drawn.
        """
        if self._error is not None:
            raise ConfigError(str(self._error)) from self._error
        return self._found

    def stop(self) -> None:
        """Ends the drawing: what is not drawn yet is drawn by the next session."""
        self._stopped = True
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
        self._thread.join(timeout=10)

    def _draw(self) -> None:
        try:
            self._found = ask_network(*self._asked, begun=self._hold)
        except Exception as error:  # told by `take`, in the thread that can answer it
            self._error = error

    def _hold(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        if self._stopped:
            process.kill()
