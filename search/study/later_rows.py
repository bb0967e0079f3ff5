"""The rest of a plan whose space the user's function defines, drawn while the first trials are training."""

import subprocess
from threading import Thread

from models.core.errors import ConfigError
from models.data.splits import Split
from search.study.own_space import OwnSpace, ask_network
from search.study.settings import StudySettings

FIRST = 16
"""The rows drawn before the first trial starts; each takes 0.02 to 0.1 s."""


class LaterRows:
    """Draws rows up to `count`, after the rows of `known`, in a separate process that starts at once."""

    def __init__(self, settings: StudySettings, split: Split, count: int, known: OwnSpace) -> None:
        self._asked = settings, split, count, known
        self._process: subprocess.Popen[str] | None = None
        self._found: OwnSpace | None = None
        self._error: Exception | None = None
        self._stopped = False
        self._thread = Thread(target=self._draw, name="rows", daemon=True)
        self._thread.start()

    def take(self) -> OwnSpace | None:
        """The space with all rows; None while rows are being drawn.

        Raises:
            ConfigError: the rows could not be drawn.
        """
        if self._error is not None:
            raise ConfigError(str(self._error)) from self._error
        return self._found

    def stop(self) -> None:
        """Ends the drawing; the next session draws the missing rows."""
        self._stopped = True
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
        self._thread.join(timeout=10)

    def _draw(self) -> None:
        try:
            self._found = ask_network(*self._asked, begun=self._hold)
        except Exception as error:  # `take` raises it in the driver's thread
            self._error = error

    def _hold(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        if self._stopped:
            process.kill()
