"""Engines in front of other engines: one gives a head start, one spreads the folds of a trial over workers."""
