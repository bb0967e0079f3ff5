"""A residual network with layer normalisation, by Keras' functional API.

mlflow run . --env-manager uv -P network=examples/residual.py:build_model
"""

import keras
from keras import layers


def build_model(hp, input_shape=(8, 8)):
    inputs = keras.Input(input_shape)
    width = hp.Int("width", 32, 128, step=32)
    x = layers.Dense(width)(layers.Flatten()(inputs))
    for _ in range(hp.Int("blocks", 1, 3)):
        y = layers.LayerNormalization()(x)
        y = layers.Dense(width, activation=hp.Choice("activation", ["relu", "gelu"]))(y)
        y = layers.Dropout(hp.Float("dropout", 0.0, 0.4, step=0.1))(y)
        x = layers.Add()([x, layers.Dense(width)(y)])
    outputs = layers.Dense(10, activation="softmax")(layers.LayerNormalization()(x))
    model = keras.Model(inputs, outputs)
    model.compile(
        keras.optimizers.Adam(hp.Float("learning_rate", 1e-4, 1e-2, sampling="log")),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return model
