"""The grid of a function is exactly its conditional grid, each cell once."""

import itertools
import json

import pytest

from models.core.errors import ConfigError
from models.spaces.planner import grid_rows
from models.spaces.walking import walk
from tests.models.spaces.conftest import SMALLEST, Load, Write

LARGE = """
def build(hp):
    kind = hp.Choice("kind", ["mlp", "cnn"])
    with hp.conditional_scope("kind", ["mlp"]):
        depth = hp.Int("depth", 1, 3)
        for i in range(depth or 0):
            hp.Choice(f"units_{i}", [16, 32])
        rate = hp.Float("rate", 0, 0.5, 0.1)
    with hp.conditional_scope("kind", ["cnn"]):
        hp.Int("filters", 8, 32, step=2, sampling="log")
        if kind == "cnn" and hp.Boolean("pool"):
            hp.Choice("size", [2, 3, 4])
        hp.Boolean("norm")
    if hp.Boolean("schedule"):
        hp.Choice("decay", ["cosine", "step"])
        hp.Fixed("warm", 1)
    hp.Choice("optimizer", {"adam", "sgd", "rmsprop"})
    return None
"""


def brute_force() -> set[str]:
    """The cells of LARGE, from nested loops."""
    mlps = [
        {"kind": "mlp", "depth when kind is mlp": depth, "rate when kind is mlp": rate}
        | {f"units_{i} when kind is mlp": width for i, width in enumerate(widths)}
        for depth in (1, 2, 3)
        for widths in itertools.product([16, 32], repeat=depth)
        for rate in (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)
    ]
    cnns = [
        {"kind": "cnn", "filters when kind is cnn": filters, "norm when kind is cnn": norm} | pool
        for filters in (8, 16, 32)
        for norm in (False, True)
        for pool in (
            {"pool when kind is cnn": False},
            *({"pool when kind is cnn": True, "size when kind is cnn": size} for size in (2, 3, 4)),
        )
    ]
    ends = [{"schedule": False}, *({"schedule": True, "decay": decay, "warm": 1} for decay in ("cosine", "step"))]
    optimizers = [{"optimizer": name} for name in ("adam", "sgd", "rmsprop")]
    cells = [a | b | c for a, b, c in itertools.product(mlps + cnns, ends, optimizers)]
    return {json.dumps(cell, sort_keys=True) for cell in cells}


def as_text(rows: list) -> list[str]:
    return [json.dumps(dict(row.parameters), sort_keys=True) for row in rows]


def test_a_conditional_grid_with_loops_is_what_nested_loops_make(loaded: Load) -> None:
    function = loaded(LARGE.replace("return None", ""))
    found = as_text(list(walk(lambda: function, 2000)))
    assert len(found) == len(set(found)) == (84 + 24) * 3 * 3
    assert set(found) == brute_force()


def test_468_of_468_cells(write: Write) -> None:
    source = write("""
        def build(trial):
            import keras
            if trial.suggest_categorical("dropout", [False, True]):
                trial.suggest_float("rate", 0.1, 0.5, step=0.1)
            depth = trial.suggest_int("depth", 0, 2)
            for i in range(depth):
                trial.suggest_categorical(f"units_{i}", [8, 16, 32])
            if depth == 1:
                trial.suggest_int("wide", 0, 0)
            trial.suggest_float("lr", 0.25, 1.5, step=0.25)
            trial.suggest_int("epochs", 1, 1)
            return keras.Sequential()
        """)
    rows = grid_rows(source, {}, 1, most=1000)
    expected = [
        (rate, widths, lr)
        for rate in (None, 0.1, 0.2, 0.3, 0.4, 0.5)
        for depth in (0, 1, 2)
        for widths in itertools.product([8, 16, 32], repeat=depth)
        for lr in (0.25, 0.5, 0.75, 1.0, 1.25, 1.5)
    ]
    assert len(expected) == 468
    found = {
        (p.get("rate"), tuple(p[f"units_{i}"] for i in range(int(p["depth"]))), p["lr"])
        for p in (row.parameters for row in rows)
    }
    assert found == set(expected)
    assert len(rows) == len(expected)


def test_a_grid_of_18_has_18_different_trials_with_100_seeds(loaded: Load, write: Write) -> None:
    source = write("""
        def build(hp):
            import keras
            hp.Choice("units", [16, 32, 64])
            hp.Choice("rate", [0.0, 0.25, 0.5])
            hp.Boolean("norm")
            return keras.Sequential()
        """)
    orders = [as_text(grid_rows(source, {}, seed, most=18)) for seed in range(100)]
    assert all(len(order) == len(set(order)) == 18 for order in orders)
    assert len({tuple(order) for order in orders}) == 100
    assert as_text(grid_rows(source, {}, 5, most=18)) == orders[5]


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (
            'hp.Float("lr", 0, 1)',
            r"build\.py line 3: a grid needs choices or a step for every range, got 'lr', 0.0 to 1.0",
        ),
        ('hp.Int("n", 1, 9, sampling="log")', "a grid needs choices or a step for every range, got 'n', 1 to 9, log"),
        ('hp.Int("n", 1, 99)', "a grid may have 50 cells, got 99 values of 'n' alone"),
        ('[hp.Boolean(f"b{i}") for i in range(6)]', "a grid may have 50 cells, got more from build"),
        ('try:\n        hp.Float("lr", 0, 1)\n    except ValueError: pass', "a grid needs choices or a step"),
        ("import itertools\n    while hp.Boolean(f'b{len(hp.values)}'): pass", "a grid may have 50 cells, got more"),
    ],
)
def test_what_is_no_grid_is_refused_in_a_line(loaded: Load, asked: str, message: str) -> None:
    function = loaded(f"def build(hp):\n    hp.Boolean('a')\n    {asked}")
    with pytest.raises(ConfigError, match=message) as refused:
        list(walk(lambda: function, 50))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "body", ['hp.Int(f"a{next(count)}", 1, 2)', 'hp.Boolean("x"); hp.Boolean("y") if next(count) == 0 else None']
)
def test_a_function_that_asks_for_something_else_each_time_has_no_grid(loaded: Load, body: str) -> None:
    function = loaded(f"import itertools\ncount = itertools.count()\ndef build(hp):\n    {body}")
    with pytest.raises(ConfigError, match="must ask for the same when it is answered the same"):
        list(walk(lambda: function, 50))


def test_a_cell_that_fails_is_a_cell_with_its_problem(write: Write) -> None:
    source = write('def build(hp):\n    if hp.Choice("a", [1, 2, 3]) == 2:\n        raise OSError("no")' + SMALLEST)
    rows = sorted(grid_rows(source, {}, 0, most=9), key=lambda row: int(row.parameters["a"]))
    assert [row.problem.message if row.problem else None for row in rows] == [
        None, "network build.py:build failed at build.py line 3: OSError: no", None,
    ]  # fmt: skip
