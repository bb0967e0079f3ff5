"""The task of a data set, classification or regression: metrics, objective, baselines."""
