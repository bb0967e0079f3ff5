"""Searches that look at their scores: what may be said of them, and the report that says it."""
