"""Data, networks, training and evaluation: everything that needs no search around it."""
