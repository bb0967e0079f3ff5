"""Words in a row: an embedding and an LSTM, on sequences that the file makes itself.

mlflow run . --env-manager uv -P network=examples/sequence.py:build -P dataset=examples/sequence.py:made_up
"""

import keras
import numpy as np

WORDS, LENGTH = 50, 12


def made_up():
    """Sequences of words; a row is of class 1 where word 7 comes before word 9."""
    random = np.random.default_rng(0)
    x = random.integers(10, WORDS, (600, LENGTH))
    first, second = random.integers(0, LENGTH // 2, 600), random.integers(LENGTH // 2, LENGTH, 600)
    y = random.integers(0, 2, 600)
    rows = np.arange(600)
    x[rows, first], x[rows, second] = np.where(y, 7, 9), np.where(y, 9, 7)
    return x, y


def build(trial):
    model = keras.Sequential(
        [
            keras.Input((LENGTH,)),
            keras.layers.Embedding(WORDS, trial.suggest_int("embedding", 4, 16, step=4)),
            keras.layers.LSTM(trial.suggest_int("units", 8, 32, step=8)),
            keras.layers.Dense(2, activation="softmax"),
        ]
    )
    rate = trial.suggest_float("learning_rate", 1e-3, 3e-2, log=True)
    model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model
