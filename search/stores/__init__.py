"""Where results are kept: outbox, MLflow, Optuna, and the lock on them."""
