"""Configurations are told apart by the networks that they make, not by how they are written."""

from pathlib import Path
from typing import Any

import pytest

from models.core.errors import ConfigError
from search.study.draws import make_plan
from search.study.reading import read_settings
from search.study.study_file import load_settings


@pytest.mark.parametrize(
    ("space", "different", "equal"),
    [
        ({"optimizer": ["adam", "sgd"], "momentum": [0.0, 0.9]}, 3, 1),
        ({"depth": [0, 1], "width": [8]}, 1, 1),
        ({"dropout": [0.5, "0.5-0.5"], "depth": [2], "width": [8]}, 1, 1),
        ({"width": [8, 16], "dropout": [0.0, 0.1]}, 4, 0),
    ],
)
def test_equal_cells_of_a_grid_count_once(space: dict[str, Any], different: int, equal: int) -> None:
    settings = read_settings({"sampler": "grid", "space": space}, "grid")
    assert (settings.trials, settings.population, settings.equal_cells) == (different, different, equal)
    plan = make_plan(settings)
    assert len({trial.config.hash() for trial in plan.trials}) == len(plan.trials) == different
    with pytest.raises(ConfigError, match=f"trials must be at most the {different} configurations of the grid"):
        read_settings({"sampler": "grid", "trials": different + 1, "space": space}, "grid")


@pytest.mark.parametrize(
    "configurations",
    [
        "[{width: 8}, {width: 16}, {width: 8}]",
        "[{optimizer: adam, momentum: 0.0}, {optimizer: adam, momentum: 0.9}]",
        "[{width: 8}, {width: 8, depth: 1}]",
    ],
)
def test_a_list_names_each_network_once(tmp_path: Path, configurations: str) -> None:
    file = tmp_path / "own.yaml"
    file.write_text(f"{{sampler: list, configurations: {configurations}}}")
    with pytest.raises(ConfigError, match=r"a list must name each network once, got configurations 1 and [23], which"):
        load_settings(str(file))


def test_yaml_as_people_write_it(tmp_path: Path) -> None:
    file = tmp_path / "own.yaml"
    file.write_text(
        "sampler: random\ntrials: 1e3\nspace: {width: [8, 16]}\ntraining: {<<: &shared {epochs: 3}, batch_size: 64}\n"
    )
    settings = load_settings(str(file))
    assert settings.trials == 1000
    assert dict(settings.training) == {"epochs": 3, "batch_size": 64}
