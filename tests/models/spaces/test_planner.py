"""Rows of a plan have all hyperparameters that training asks for, and extending a plan keeps its beginning."""

import json
from dataclasses import asdict

import keras
import numpy as np
import pytest

from models.core.errors import ConfigError
from models.core.seeds import trial_seed
from models.spaces.answers import Planned
from models.spaces.calling import fit_call, load_function
from models.spaces.planner import random_rows
from models.spaces.source import Source
from tests.models.spaces.conftest import Write

GIVEN = {"input_shape": (4,), "n_outputs": 3}
NETWORK = """
import random
import keras
import numpy as np

class Net:
    def build(self, hp, input_shape, n_outputs):
        model = keras.Sequential([keras.Input(input_shape)])
        for i in range(random.randrange(1, 4)):  # of the seed, and not of hp
            model.add(keras.layers.Dense(hp.Int(f"units_{i}", 2, 9)))
        kind = hp.Choice("rate", ["none", "low"]) if np.random.random() < 0.5 else hp.Float("rate", 0, 0.5)
        model.add(keras.layers.Dense(n_outputs, name=f"{kind}".replace(".", "_")))
        return model

    def fit(self, hp, model, x, y, validation_data=None, **kwargs):
        if hp.Boolean("scaled"):
            x = keras.layers.Rescaling(2.0)(x)
        return model.fit(x, y, batch_size=hp.Choice("batch_size", [8, 16]), validation_data=validation_data, **kwargs)
"""


@pytest.fixture
def source(write: Write) -> Source:
    return write(NETWORK, "Net")


def test_training_asks_for_exactly_what_the_plan_has_randomness_of_the_function_included(source: Source) -> None:
    for row in random_rows(source, GIVEN, 7, range(12)):
        assert row.problem is None
        function = load_function(source, GIVEN, trial_seed(7, row.number))
        hp = function.asking(Planned({name: str(value) for name, value in row.parameters.items()}), row.number)
        model = function.build(hp)
        x, y = np.ones((5, 4), np.float32), np.zeros(5)
        call = fit_call(function, hp, model, x, y, callbacks=[], epochs=3)
        assert hp.values["rate"] == next(value for name, value in row.parameters.items() if name.startswith("rate"))
        assert {name.split(" as ")[0]: value for name, value in row.parameters.items()} == hp.values
        assert call.kwargs["batch_size"] == row.parameters["batch_size"]
        assert (call.kwargs["epochs"], call.kwargs["callbacks"]) == (3, [])
        assert np.asarray(call.args[0]).max() == (2 if row.parameters["scaled"] else 1)
        assert callable(model.fit)
        assert "fit" not in vars(model)


def test_what_the_plan_lacks_is_named_when_training_asks_for_it(source: Source) -> None:
    function = load_function(source, GIVEN, 0)
    with pytest.raises(ConfigError, match="got 'units_0', which its plan lacks"):
        function.build(function.asking(Planned({"other": 3}), 0))


def test_drawing_on_from_the_rows_before_gives_the_rows_of_one_draw(source: Source) -> None:
    whole = list(random_rows(source, GIVEN, 3, range(16)))
    assert len({name for row in whole for name in row.parameters if name.startswith("rate")}) == 2
    again = list(random_rows(source, GIVEN, 3, range(7)))
    assert again == whole[:7]
    assert list(random_rows(source, GIVEN, 3, range(7, 16), before=again)) == whole[7:]


def test_rows_are_plain_json_and_come_one_by_one(source: Source) -> None:
    rows = random_rows(source, GIVEN, 3, range(10**9))
    first = next(rows)
    assert json.loads(json.dumps(asdict(first))) == asdict(first)
    assert first.distributions["batch_size"] == {"kind": "choice", "choices": [8, 16]}
    assert first.distributions["units_0"] == {"kind": "int", "low": 2, "high": 9, "step": 1, "sampling": "linear"}


def test_a_model_is_left_as_it_was_after_its_fit_was_followed(source: Source) -> None:
    function = load_function(source, GIVEN, 1)
    (row,) = random_rows(source, GIVEN, 3, [0])
    function = load_function(source, GIVEN, trial_seed(3, 0))
    hp = function.asking(Planned(row.parameters), 0)
    model = function.build(hp)
    fit_call(function, hp, model, np.ones((5, 4), np.float32), np.zeros(5))
    assert model.fit.__func__ is keras.Model.fit
