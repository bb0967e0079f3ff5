"""Functions of the shapes that KerasTuner's public guides show, for tests to load as a user's file."""

import keras
from keras import layers


def units(hp):  # type: ignore[no-untyped-def]
    model = keras.Sequential([layers.Flatten()])
    model.add(layers.Dense(units=hp.Int("units", min_value=32, max_value=512, step=32), activation="relu"))
    model.add(layers.Dense(10, activation="softmax"))
    model.compile(optimizer="adam", loss="categorical_crossentropy", metrics=["accuracy"])
    return model


def several(hp):  # type: ignore[no-untyped-def]
    model = keras.Sequential()
    model.add(layers.Flatten())
    for i in range(hp.Int("num_layers", 1, 3)):
        width = hp.Int(f"units_{i}", min_value=32, max_value=512, step=32)
        model.add(layers.Dense(width, activation=hp.Choice("activation", ["relu", "tanh"])))
    if hp.Boolean("dropout"):
        model.add(layers.Dropout(rate=0.25))
    model.add(layers.Dense(10, activation="softmax"))
    learning_rate = hp.Float("lr", min_value=1e-4, max_value=1e-2, sampling="log")
    model.compile(keras.optimizers.Adam(learning_rate), "categorical_crossentropy", metrics=["accuracy"])
    return model


def _block(units: int, activation: str, dropout: bool, lr: float) -> keras.Model:
    model = keras.Sequential([layers.Flatten(), layers.Dense(units, activation=activation)])
    if dropout:
        model.add(layers.Dropout(0.25))
    model.add(layers.Dense(10, activation="softmax"))
    model.compile(keras.optimizers.Adam(lr), "categorical_crossentropy", metrics=["accuracy"])
    return model


def separate(hp):  # type: ignore[no-untyped-def]
    width = hp.Int("units", min_value=32, max_value=512, step=32)
    activation = hp.Choice("activation", ["relu", "tanh"])
    return _block(width, activation, hp.Boolean("dropout"), hp.Float("lr", 1e-4, 1e-2, sampling="log"))


def conditional(hp):  # type: ignore[no-untyped-def]
    model = keras.Sequential([keras.Input((28, 28, 1))])
    model_type = hp.Choice("model_type", ["mlp", "cnn"])
    with hp.conditional_scope("model_type", ["mlp"]):
        if model_type == "mlp":
            model.add(layers.Flatten())
            for _ in range(hp.Int("mlp_layers", 1, 2)):
                model.add(layers.Dense(hp.Int("units", 32, 64, 32), activation="relu"))
    with hp.conditional_scope("model_type", ["cnn"]):
        if model_type == "cnn":
            model.add(layers.Conv2D(hp.Choice("units", [4, 8]), 3, activation="relu"))
            model.add(layers.GlobalAveragePooling2D())
    model.add(layers.Dense(10, activation="softmax"))
    return model


def tailored(hp):  # type: ignore[no-untyped-def]
    """Uses scopes of names, parents of single requests, and values looked up again."""
    inputs = keras.Input((8,))
    x = inputs
    for i in range(hp.Int("blocks", 1, 2)):
        with hp.name_scope(f"block_{i}"):
            kind = hp.Choice("kind", ["plain", "wide"], default="plain")
            factor = hp.Fixed("factor", 2, parent_name="kind", parent_values=["wide"])
            x = layers.Dense(hp.Int("units", 4, 16, step=2, sampling="log") * (factor or 1), name=f"{kind}_{i}")(x)
    optimizer = hp.Choice("optimizer", ["adam", "sgd"])
    hp.Float("learning_rate", 1e-4, 1e-1, sampling="reverse_log")
    hp.Float("momentum", 0, 0.9, step=0.3, parent_name="optimizer", parent_values=["sgd"])
    chosen = getattr(keras.optimizers, optimizer.upper() if optimizer == "sgd" else "Adam")
    model = keras.Model(inputs, layers.Dense(1)(x))
    settings = {"momentum": hp.get("momentum")} if "momentum" in hp else {}
    model.compile(chosen(learning_rate=hp["learning_rate"], **settings), "mse")
    return model


class Fitted:
    """A HyperModel without KerasTuner, whose fit searches the batch size, shuffling and scaling of the data."""

    def build(self, hp):  # type: ignore[no-untyped-def]
        return units(hp)

    def fit(self, hp, model, x, y, **kwargs):  # type: ignore[no-untyped-def]
        if hp.Boolean("normalize"):
            x = layers.Normalization()(x)
        batch_size = hp.Choice("batch_size", [16, 32])
        return model.fit(x, y, batch_size=batch_size, shuffle=hp.Boolean("shuffle"), **kwargs)


try:
    import keras_tuner
except ImportError:
    keras_tuner = None
else:

    class OfKerasTuner(keras_tuner.HyperModel):
        """A subclass of KerasTuner's HyperModel, whose wrapper calls build."""

        def build(self, hp):  # type: ignore[no-untyped-def]
            assert isinstance(hp, keras_tuner.HyperParameters)
            return several(hp)

        def fit(self, hp, model, *args, **kwargs):  # type: ignore[no-untyped-def]
            return model.fit(*args, batch_size=hp.Choice("batch_size", [16, 32]), **kwargs)

    class WithoutBase(OfKerasTuner):
        def __init__(self) -> None:
            """Its __init__ does not call that of the base class, as people forget to do."""

    untunable = OfKerasTuner(tunable=False)
    annotated_hp = keras_tuner.HyperParameters

    def annotated(space: annotated_hp):  # type: ignore[no-untyped-def]
        assert isinstance(space, annotated_hp)
        return several(space)
