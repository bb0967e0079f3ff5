"""Limits of time: on a trial, on a session, and on the driver's waits for stores that are away."""

import math
import time
from dataclasses import dataclass, field

from models.core.errors import ConfigError


@dataclass(frozen=True)
class Limits:
    """All limits are seconds of wall time; infinity means no limit.

    Raises:
        ConfigError: a limit that a user gives is not a positive number.
    """

    trial_timeout: float = math.inf
    """For one attempt, from the moment that its worker begins."""
    timeout: float = math.inf
    """For the session."""
    grace: float = 10.0
    """For an attempt that was asked to stop to reach the end of its epoch; after that its worker is restarted."""
    epochs_every: float = 1.0
    """Between writes of per-epoch metrics; MLflow's UI shows them within twice that."""
    retry_every: float = 10.0
    """Between deliveries while a store is away."""
    last_patience: float = 30.0
    """For a store to come back, once nothing is left to train."""
    began: float = field(default_factory=time.monotonic)
    """When the session began, on the monotonic clock."""

    def __post_init__(self) -> None:
        for name in ("trial_timeout", "timeout"):
            value = getattr(self, name)
            if not value > 0:
                raise ConfigError(f"{name} must be a number of seconds above 0, got {value:g}")

    @property
    def out_of_time(self) -> str:
        """Why the session ends now; empty while there is time left."""
        if time.monotonic() - self.began < self.timeout:
            return ""
        return f"timeout: the {self.timeout:g} s of this session have passed"
