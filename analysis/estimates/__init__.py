"""From a pool of trials to numbers with their uncertainty."""
