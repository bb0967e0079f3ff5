"""A regression's section: its scores in words, its quantiles, and the worst rows as the user has them."""

import numpy as np

from analysis.report.regression_sections import inside_section, residuals_section
from analysis.report.sections import data_section
from models.data.labels import REGRESSION
from models.data.sources import Source, load_dataset
from models.data.splits import Split, split_by
from models.networks.logged_network import Inspection
from models.tasks.task import task_of
from tests.models.made_up import penguins


def birds(folder: str) -> Split:
    frame = penguins().dropna(subset=["bill"])
    frame.to_csv(f"{folder}/birds.csv", index=False)
    source = Source.read({"dataset": f"{folder}/birds.csv", "target": "bill", "leave_out": "seen"})
    return split_by(load_dataset(source), validation=0.2, preprocessing="", split_seed=0)


def test_scores_quantiles_and_worst_rows_stand_in_the_users_terms(tmp_path: str) -> None:
    split = birds(str(tmp_path))
    assert split.target.task == REGRESSION
    task = task_of(split.target)
    outputs = {part: np.full_like(split.labels[part], 40.0) for part in ("validation", "test")}
    evidence = {part: task.evidence(split.labels[part], outputs[part]) for part in outputs}
    scores = {"val_rmse": 2.5, "val_mae": 2.0, "test_rmse": 2.75, "seconds": 1.0}
    section = residuals_section(evidence, scores, "t", split=split)
    assert section.words == ("Validation: RMSE 2.5000, MAE 2.0000.", "Test: RMSE 2.7500.")
    worst = evidence["test"]["targets"][0]["worst"][0]
    raw = split.inputs["test"][worst["row"]]
    island = next(column for column in split.columns if column.name == "island")
    code = raw[[column.name for column in split.columns].index("island")]
    line = next(
        line for line in section.listing.split("test, bill")[1].splitlines()[2:] if line.split()[0] == str(worst["row"])
    )
    assert line.split()[1] == f"{worst['true']:.3f}"
    assert (island.categories[int(code)] if code == code else "-") in line
    assert "quantiles of predicted less true: 0% " in section.listing
    assert [picture.name for picture in section.pictures] == ["predictions"]
    of_a_run = residuals_section(evidence, scores, "t", "Best trial: 3")  # from its evidence alone
    assert of_a_run.title == "Best trial: 3"
    assert "island" not in of_a_run.listing


def test_data_and_features_of_numbers_have_their_pictures(tmp_path: str) -> None:
    split = birds(str(tmp_path))
    data = data_section(split, "birds")
    assert [picture.name for picture in data.pictures] == ["target_histograms"]
    assert ("to predict", "bill") in data.facts
    rows = split.rows("validation")
    random = np.random.default_rng(0)
    sample, outputs = np.arange(rows), {part: split.labels[part] for part in ("validation", "test")}
    inside = inside_section(Inspection(outputs, sample, (random.normal(size=(rows, 8)),), ()), split, "validation", "t")
    assert [picture.name for picture in inside.pictures] == ["feature_map"]
    nothing = inside_section(Inspection(outputs, sample, (np.zeros((rows, 8)),), ()), split, "validation", "t")
    assert nothing.pictures == ()
    assert "too little to place" in nothing.words[1]
