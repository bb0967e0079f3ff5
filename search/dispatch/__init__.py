"""Engines as the driver sees them: with a head start, or with the folds of a trial on several workers."""
