"""A person's own data, as they have it: tables with words and gaps, folders of images, labels that are words."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from mlflow import pyfunc
from PIL import Image

from search.__main__ import main
from tests.search.own_study import everything_else_works, searched


def penguins(rows: int, seed: int) -> pd.DataFrame:
    """Three species told apart by two measures; an island with gaps, a count, and a column that says nothing."""
    random = np.random.default_rng(seed)
    kind = random.integers(0, 3, rows)
    frame = pd.DataFrame(
        {
            "bill": 38.0 + 5 * kind + random.normal(0, 1.0, rows),
            "mass": 3000 + 800 * kind + random.integers(0, 300, rows),
            "island": np.array(["Biscoe", "Dream", "Torgersen"])[random.integers(0, 3, rows)],
            "ringed": random.random(rows) < 0.5,
            "species": np.array(["Adelie", "Chinstrap", "Gentoo"])[kind],
        }
    )
    frame.loc[random.choice(rows, rows // 10, False), "bill"] = None
    frame.loc[random.choice(rows, rows // 10, False), "island"] = None
    return frame


def test_a_table_with_words_and_gaps_is_searched_and_its_model_takes_raw_rows(
    workdir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    penguins(240, 1).to_csv("birds.csv", index=False)
    test = penguins(90, 2)
    test.to_csv("test.csv", index=False)
    table = searched("--dataset", "birds.csv", "--target", "species", "--test", "test.csv", "--leave-out", "ringed")
    assert table.best is not None
    assert table.best["val_accuracy"] > 0.9
    model = pyfunc.load_model(f"runs:/{table.best['run_id']}/model")
    answers = model.predict(test.drop(columns="species"))
    assert (answers["prediction"] == test["species"]).mean() == table.best["test_accuracy"]
    columns = [f"probability of {name}" for name in ("Adelie", "Chinstrap", "Gentoo")]
    np.testing.assert_allclose(answers[columns].sum(axis=1), 1.0, rtol=1e-5)
    everything_else_works(table, capsys)
    page = Path("report/report.html").read_text()
    assert "3: Adelie, Chinstrap, Gentoo" in page
    assert "columns: bill, mass, island" in page


def test_a_folder_of_images_with_a_folder_a_class_is_searched(
    workdir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    random = np.random.default_rng(3)
    for name, row in (("cat", 1), ("dog", 5)):
        (workdir / "pets" / name).mkdir(parents=True)
        for number in range(40):
            pixels = random.integers(0, 60, (8, 8), np.uint8)
            pixels[row] = 255
            Image.fromarray(pixels).save(workdir / "pets" / name / f"{number}.png")
    table = searched("--dataset", "pets")
    assert table.best is not None
    assert table.best["test_accuracy"] > 0.9
    everything_else_works(table, capsys)
    assert "2: cat, dog" in Path("report/report.html").read_text()


def test_a_table_without_its_target_and_a_wrong_task_are_refused_and_nothing_is_made(
    workdir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    penguins(60, 1).assign(wing=lambda birds: birds["mass"] / 7).to_csv("birds.csv", index=False)
    before = sorted(workdir.rglob("*"))
    for target, words in (
        ([], "birds.csv needs `target`: one of its columns bill, mass, island, ringed, species, wing"),
        (["--target", "specie"], "did you mean 'species'?"),
        (["--target", "wing", "--task", "classification"], "which task: regression would take"),
        (["--target", "species", "--task", "regression"], "which task: classification would take"),
        (["--target", "species", "--objective", "val_rmse"], "got 'val_rmse', which is one of a regression"),
        (["--target", "mass", "--objective", "val_acc"], "objective must be one of"),
        (["--target", "mass", "--class-weight", "balanced"], "class_weight belongs to a classification"),
        (["--target", "species", "--weight", "masss"], "did you mean 'mass'?"),
    ):
        assert main(["--dataset", "birds.csv", *target]) == 2
        assert words in capsys.readouterr().err
    assert sorted(workdir.rglob("*")) == before
