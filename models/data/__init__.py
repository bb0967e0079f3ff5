"""The data of a study, from their source to the rows of a trial: splits, scaling, reduction. Imports no Keras."""
