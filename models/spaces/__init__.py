"""Spaces that the user's own function defines as it runs: loaded, asked, drawn, walked. Imports no Keras."""
