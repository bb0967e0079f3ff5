"""The doctor: what plan, outbox, Optuna and MLflow of a study differ in, and how each difference is mended."""
