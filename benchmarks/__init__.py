"""Measurements of this project beside the tools that a user would pick instead. Not part of the program."""
