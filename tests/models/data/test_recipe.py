"""A worker makes the same split of a few words, or is told that the data are others."""

import pickle
from pathlib import Path

import numpy as np
import pytest

from models.core.errors import ConfigError
from models.data.dataset import Dataset
from models.data.sources import Source, load_dataset
from models.data.splits import PARTS, Recipe, split_by
from tests.models.made_up import images, penguins

ARGUMENTS: dict[str, str | int | float] = {"validation": 0.2, "preprocessing": "", "split_seed": 3, "folds": 2}


def sources(folder: Path) -> list[Source]:
    penguins().to_csv(folder / "p.csv", index=False)
    table = {"dataset": str(folder / "p.csv"), "target": "species", "group": "nest", "weight": "mass"}
    return [Source.read(each) for each in ("digits", "diabetes", table, str(images(folder / "pictures")))]


def test_the_same_split_comes_out_of_a_recipe_that_is_a_few_words(tmp_path: Path) -> None:
    for source in sources(tmp_path):
        data = load_dataset(source)
        recipe = Recipe.of(data, ARGUMENTS)
        assert recipe is not None
        assert len(pickle.dumps(recipe)) < 1000
        split, again = split_by(data, **ARGUMENTS), recipe.split()  # type: ignore[arg-type]
        for part in PARTS:
            assert split.inputs[part].tobytes() == again.inputs[part].tobytes()
            assert split.labels[part].tobytes() == again.labels[part].tobytes()
        assert np.array_equal(split.fold_of, again.fold_of)  # type: ignore[arg-type]
        assert (split.weights is None) == (again.weights is None)
        assert (split.target, split.columns) == (again.target, again.columns)


def test_what_changed_is_refused_and_what_one_process_alone_has_has_no_recipe(tmp_path: Path) -> None:
    table = sources(tmp_path)[2]
    recipe = Recipe.of(load_dataset(table), ARGUMENTS)
    assert recipe is not None
    penguins(seed=9).to_csv(table.dataset, index=False)
    with pytest.raises(ConfigError, match="the data must be that of the run"):
        recipe.split()
    x = np.ones((4, 2)) * np.arange(4)[:, None]
    made = Dataset("made", "made up", x, np.arange(4) % 2, x, np.arange(4) % 2)
    assert Recipe.of(made, ARGUMENTS) is None
    (tmp_path / "load.py").write_text(
        "import numpy as np\ndef f(): return np.arange(60.).reshape(30, 2), ['a', 'b'] * 15"
    )
    assert Recipe.of(load_dataset(f"{tmp_path}/load.py:f"), ARGUMENTS) is None
