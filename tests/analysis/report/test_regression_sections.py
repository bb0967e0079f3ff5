"""A regression's section: its scores in words, its pictures, and the worst rows as the user has them."""

from pathlib import Path
from typing import Any

import numpy as np

from analysis.report.regression_sections import VersusResiduals, inside_section, residuals_section
from analysis.report.sections import data_section
from models.core.results import OUT_OF_FOLD
from models.data.labels import REGRESSION
from models.data.sources import Source, load_dataset
from models.data.splits import Split, split_by
from models.networks.logged_network import Inspection
from models.tasks.regression import Regression
from models.tasks.task import task_of
from tests.models.made_up import penguins

SCORES = {"val_rmse": 2.5, "val_mae": 2.0, "test_rmse": 2.75, "seconds": 1.0}


def birds(folder: Path) -> Split:
    frame = penguins().dropna(subset=["bill"])
    frame.to_csv(f"{folder}/birds.csv", index=False)
    source = Source.read({"dataset": f"{folder}/birds.csv", "target": "bill", "leave_out": "seen"})
    return split_by(load_dataset(source), validation=0.2, preprocessing="", split_seed=0)


def evidence_of(split: Split) -> dict[str, dict[str, Any]]:
    """The evidence of a network that predicts 40 for every bill."""
    task = task_of(split.target)
    return {
        part: task.evidence(split.labels[part], np.full_like(split.labels[part], 40.0))
        for part in ("validation", "test")
    }


def test_scores_and_worst_rows_stand_in_the_users_terms(tmp_path: Path) -> None:
    split = birds(tmp_path)
    assert split.target.task == REGRESSION
    evidence = evidence_of(split)
    section = residuals_section(evidence, SCORES, "t", split=split, part="test")
    assert section.words == ("Validation: RMSE 2.5000, MAE 2.0000.", "Test: RMSE 2.7500.")
    assert [picture.name for picture in section.pictures] == ["predictions", "residual_quantiles"]
    (listed,) = section.tables
    assert listed.caption == "Test, the worst predictions of bill:"
    assert listed.head[:4] == ("row", "true", "predicted", "less")
    assert len(listed.rows) == 10
    first = listed.rows[0]
    worst = evidence["test"]["targets"][0]["worst"][0]
    raw = split.inputs["test"][worst["row"]]
    island = next(column for column in split.columns if column.name == "island")
    code = raw[[column.name for column in split.columns].index("island")]
    assert first[:4] == (str(worst["row"]), f"{worst['true']:.3f}", "40.000", f"{40 - worst['true']:.3f}")
    assert (island.categories[int(code)] if code == code else "-") in first


def test_single_rows_are_those_of_validation_unless_test_is_asked_for(tmp_path: Path) -> None:
    split = birds(tmp_path)
    section = residuals_section(evidence_of(split), SCORES, "t", split=split)
    assert [listed.caption for listed in section.tables] == ["Validation, the worst predictions of bill:"]
    assert "has chosen by them" in section.words[-1]


def test_of_the_evidence_alone_the_section_is_made_too() -> None:
    true = np.linspace(0, 1, 40)[:, None] * 1e7
    folds = {OUT_OF_FOLD: Regression(("price",)).evidence(true, true * 1.1)}
    section = residuals_section(folds, {"val_rmse": 2.5}, "t")
    assert (section.title, section.words) == ("Errors", ("Out of fold: RMSE 2.5000.",))
    assert section.tables[0].rows[0] == ("39", "10,000,000", "11,000,000", "1,000,000")
    tiny = {OUT_OF_FOLD: Regression(()).evidence(true * 1e-20, true * 1.1e-20)}
    assert residuals_section(tiny, {}, "t").tables[0].rows[0] == ("39", "1e-13", "1.1e-13", "1e-14")


def test_another_trials_residuals_stand_beside_on_the_test_part(tmp_path: Path) -> None:
    evidence = evidence_of(birds(tmp_path))
    section = residuals_section(evidence, SCORES, "t", versus=VersusResiduals("other", evidence["test"]))
    assert section.pictures[-1].name == "residual_quantiles_versus"


def test_data_and_features_of_numbers_have_their_pictures(tmp_path: Path) -> None:
    split = birds(tmp_path)
    data = data_section(split, "birds")
    assert [picture.name for picture in data.pictures] == ["target_histograms"]
    assert ("to predict", "bill") in data.facts
    rows = split.rows("validation")
    random = np.random.default_rng(0)
    sample, outputs = np.arange(rows), {part: split.labels[part] for part in ("validation", "test")}
    inside = inside_section(Inspection(outputs, sample, (random.normal(size=(rows, 8)),), ()), split, "validation", "t")
    assert [picture.name for picture in inside.pictures] == ["number_map"]
    nothing = inside_section(Inspection(outputs, sample, (np.zeros((rows, 8)),), ()), split, "validation", "t")
    assert nothing.pictures == ()
    assert "too few different values" in nothing.words[0]
