"""Side-by-side measurements against what a user would pick instead. Not part of the program."""
