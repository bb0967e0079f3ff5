"""From where data come to what a trial trains on: sources, splits, scaling, reduction. Imports no Keras."""
