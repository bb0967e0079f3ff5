"""A network of two inputs, for columns of a table that belong together.

mlflow run . --env-manager uv -P study=examples/tabular.yaml
"""

import keras
from keras import layers


def build(sepal_units: int = 8, petal_units: int = 8, n_outputs: int = 3) -> keras.Model:
    names = ("sepal length (cm)", "sepal width (cm)", "petal length (cm)", "petal width (cm)")
    inputs = {name: keras.Input((1,), name=name) for name in names}
    sepal = layers.Dense(sepal_units, activation="relu")(layers.Concatenate()([inputs[name] for name in names[:2]]))
    petal = layers.Dense(petal_units, activation="relu")(layers.Concatenate()([inputs[name] for name in names[2:]]))
    outputs = layers.Dense(n_outputs, activation="softmax")(layers.Concatenate()([sepal, petal]))
    return keras.Model(inputs, outputs)
