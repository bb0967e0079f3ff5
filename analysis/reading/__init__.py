"""Trials tables, from MLflow or from a CSV file; how MLflow is asked."""
