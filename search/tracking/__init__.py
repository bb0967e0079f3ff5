"""The search in MLflow: one parent run a study, one child run an attempt. The only folder here that imports MLflow."""
