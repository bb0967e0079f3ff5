"""One trial: an epoch as one graph, evaluation, and the whole of it from configuration to result."""
