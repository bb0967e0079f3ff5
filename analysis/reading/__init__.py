"""Trials tables, from MLflow or from a CSV file. The only folder here that reads MLflow."""
