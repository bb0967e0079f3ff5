"""A KerasTuner HyperModel's shape: conditions, a loop, and what `fit` asks for.

mlflow run . --env-manager uv -P network=examples/hypermodel.py:Digits
"""

import keras


class Digits:
    def build(self, hp):
        model = keras.Sequential([keras.layers.Flatten()])
        kind = hp.Choice("kind", ["wide", "deep"])
        with hp.conditional_scope("kind", ["wide"]):
            if kind == "wide":
                model.add(keras.layers.Dense(hp.Int("units", 64, 256, step=64), activation="relu"))
        with hp.conditional_scope("kind", ["deep"]):
            if kind == "deep":
                for k in range(hp.Int("layers", 2, 3)):
                    model.add(keras.layers.Dense(hp.Int(f"units_{k}", 16, 64, step=16), activation="relu"))
        model.add(keras.layers.Dense(10, activation="softmax"))
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        return model

    def fit(self, hp, model, *args, **kwargs):
        return model.fit(*args, batch_size=hp.Choice("batch_size", [16, 32, 64]), **kwargs)
