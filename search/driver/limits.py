"""How long things may take: a trial, a session, and the driver's waits for stores that are away."""

import math
import time
from dataclasses import dataclass, field

from models.core.errors import ConfigError


@dataclass(frozen=True)
class Limits:
    """All in seconds on the clock; infinite where there is none.

    Raises:
        ConfigError: a limit that a user gives is not a positive number.
    """

    trial_timeout: float = math.inf
    """Of one attempt, from when its worker gets it."""
    timeout: float = math.inf
    """Of the session."""
    grace: float = 10.0
    """That a trial has, once it is asked to stop, to reach the end of its epoch; then its worker is restarted."""
    epochs_every: float = 1.0
    """Between writes of per-epoch metrics: they show within two."""
    retry_every: float = 10.0
    """Between deliveries while a store is away."""
    last_patience: float = 30.0
    """That a search which has nothing left to train waits for a store to come back."""
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
