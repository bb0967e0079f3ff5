"""Studies that others made, from Optuna, MLflow or a table: read, and refused where best-of-N would mislead."""
