"""What a person types: options described once, how they are read, and commands spelled as the program was started."""
