"""Where results are kept: outbox, Optuna, and the lock on them; MLflow is in search/tracking."""
