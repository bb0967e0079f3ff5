"""A small convolutional network for images, as KerasTuner's guides write one.

mlflow run . --env-manager uv -P network=examples/cnn.py:build_model -P dataset=digits
"""

import keras


def build_model(hp):
    model = keras.Sequential()
    for k in range(hp.Int("convolutions", 1, 2)):
        model.add(keras.layers.Conv2D(hp.Int(f"filters_{k}", 8, 24, step=8), 3, padding="same", activation="relu"))
    model.add(keras.layers.MaxPooling2D())
    model.add(keras.layers.Flatten())
    if hp.Boolean("dropout"):
        model.add(keras.layers.Dropout(hp.Float("rate", 0.1, 0.5, step=0.1)))
    model.add(keras.layers.Dense(10, activation="softmax"))
    model.compile(
        keras.optimizers.Adam(hp.Float("learning_rate", 1e-4, 1e-2, sampling="log")),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return model
