"""The error that a person can mend: a setting that breaks a rule."""


class ConfigError(ValueError):
    """A setting breaks a rule; the message states the rule, then the value received."""
