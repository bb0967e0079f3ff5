"""A person's own data, as they have it: tables with words and gaps, folders of images, labels that are words."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from mlflow import pyfunc
from PIL import Image

from analysis.__main__ import run as analyse
from analysis.reading.mlflow_studies import read_mlflow
from analysis.reading.table import TrialTable
from search.__main__ import main
from tests.project import PROJECT, environment

STUDY = """
{sampler: random, trials: 3, data: {validation: 0.2}, space: {width: [8, 16]},
 training: {epochs: 12, learning_rate: 0.02, batch_size: 16}}
"""


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


def searched(*arguments: str) -> TrialTable:
    """The finished study `own`, searched by a process of its own with one worker."""
    Path("own.yaml").write_text(STUDY)
    command = [sys.executable, "-m", "search", "--study", "own.yaml", "--workers", "1", *arguments]
    kept = environment() | {
        "PYTHONPATH": str(PROJECT),
        "MLFLOW_TRACKING_URI": f"sqlite:///{Path('mlflow.db').resolve()}",
    }
    ran = subprocess.run(command, env=kept, capture_output=True, text=True, timeout=200)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return read_mlflow("own")


def everything_else_works(table: TrialTable, capsys: pytest.CaptureFixture[str]) -> None:
    assert table.best is not None
    run_id = str(table.best["run_id"])
    for command in (["doctor", "--study", "own"], ["inspect", "--run-id", run_id]):
        assert main(command) == 0
    replayed = subprocess.run(
        [sys.executable, "-m", "search", "replay", "--run-id", run_id], capture_output=True, text=True,
    )  # fmt: skip
    assert replayed.returncode == 0, replayed.stdout + replayed.stderr
    assert "bit-equal" in replayed.stdout
    assert Path("report/report.html") in analyse(["--study", "own", "--out", "report"])
    capsys.readouterr()


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


def test_a_regression_and_a_table_without_its_target_are_refused_and_nothing_is_made(
    workdir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    penguins(60, 1).to_csv("birds.csv", index=False)
    before = sorted(workdir.rglob("*"))
    for target, words in (
        ([], "birds.csv needs `target`: one of its columns bill, mass, island, ringed, species"),
        (["--target", "specie"], "did you mean 'species'?"),
        (["--target", "mass"], "so it needs classes, got the numbers of a regression in birds"),
    ):
        assert main(["--dataset", "birds.csv", *target]) == 2
        assert words in capsys.readouterr().err
    assert sorted(workdir.rglob("*")) == before
