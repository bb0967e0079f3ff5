"""What `import search` gives a notebook or a script: a client of driver processes, and finished studies as objects."""
