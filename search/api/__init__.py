"""The Python API behind `import search`: a client of processes that run searches, and finished studies as objects."""
