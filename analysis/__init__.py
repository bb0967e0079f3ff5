"""From finished trials to estimates, figures and a report. Imports no optuna (importance apart) and no dask."""
