"""How long a trial and a whole search may take."""

import math
import time
from dataclasses import dataclass, field

from models.core.errors import ConfigError

GRACE = 10.0
"""Seconds that a trial has, once it is asked to stop, to reach the end of its epoch; then its worker is restarted."""


@dataclass(frozen=True)
class Limits:
    """Both in seconds on the clock; infinite where there is none.

    Raises:
        ConfigError: a limit is not a positive number.
    """

    trial_timeout: float = math.inf
    """Of one attempt, from when its worker gets it."""
    timeout: float = math.inf
    """Of the session."""
    began: float = field(default_factory=time.monotonic)
    """When the session began, on the monotonic clock."""

    def __post_init__(self) -> None:
        for name in ("trial_timeout", "timeout"):
            value = getattr(self, name)
            if not value > 0:
                raise ConfigError(f"{name} must be a number of seconds above 0, got {value:g}")

    @property
    def out_of_time(self) -> str:
        """Why the session ends now, or an empty text."""
        if time.monotonic() - self.began < self.timeout:
            return ""
        return f"timeout: the {self.timeout:g} s of this session have passed"
