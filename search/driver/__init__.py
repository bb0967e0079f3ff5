"""What decides: which trial runs when, how its result is delivered, and when the search ends."""
