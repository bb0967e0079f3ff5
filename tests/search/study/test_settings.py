"""Study files: what they may say, and what is said when they say something else."""

from pathlib import Path
from typing import Any

import pytest

from models.core.errors import ConfigError
from search.study.identity import differences, identity_of
from search.study.reading import read_settings
from search.study.study_file import STUDIES, load_settings

SPACE = {"width": [8, 16]}


@pytest.mark.parametrize("study", sorted(path.stem for path in STUDIES.glob("*.yaml")))
def test_every_study_that_comes_with_the_project_loads_and_survives_its_own_writing(study: str) -> None:
    settings = load_settings(study)
    assert identity_of(read_settings(settings.as_written(), study), "x") == identity_of(settings, "x")
    assert settings.description


def test_a_learning_rate_without_a_dot_is_a_number(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("sampler: random\nspace:\n  learning_rate: [1e-5, 1e-3]\n")
    assert load_settings(str(path)).space[0].choices == (1e-5, 1e-3)
    assert load_settings(str(path)).name == "mine"


def test_a_tag_that_does_not_fit_its_value_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("sampler: random\ntrials: !!int many\nspace: {width: [8, 16]}\n")
    with pytest.raises(ConfigError, match=r"a study must be a YAML file, got .*mine\.yaml.*many"):
        load_settings(str(tmp_path / "mine.yaml"))


def test_a_data_file_is_looked_for_beside_the_study_file_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("data: {dataset: own.npz}\nsampler: random\nspace: {width: [8, 16]}\n")
    assert load_settings(str(tmp_path / "mine.yaml")).dataset == str(tmp_path / "own.npz")
    assert load_settings(str(tmp_path / "mine.yaml"), data={"dataset": "other.npz"}).dataset == "other.npz"


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ({"sampler": "random", "space": {"width": []}}, r"space.width must have one choice at least, got \[\]"),
        (
            {"sampler": "random", "space": {"learning_rate": {"low": 0, "high": 1, "log": True}}},
            "learning_rate must be a number from 1e-38 to 1e38, got 0",
        ),
        ({"sampler": "random", "space": {"learning_rate": [1e39]}}, "learning_rate must be a number from 1e-38 to"),
        ({"sampler": "random", "space": {"learning_rate": [1e-46]}}, "learning_rate must be a number from 1e-38 to"),
        ({"sampler": "random", "space": {"l2": [1e39]}}, "l2 must be a number from 0 to 1e38, got 1e[+]39"),
        ({"sampler": "random", "space": {"l2": [10**400]}}, "l2 must be a number from 0 to 1e38, got 1000"),
        (
            {"sampler": "random", "space": {"l2": {"low": 0, "high": 1, "log": True}}},
            "space.l2 is a log range, whose low must be above 0, got 0",
        ),
        ({"sampler": "random", "space": {"dropout": [0.5, 1]}}, "dropout must be a number from 0 to below 1, got 1"),
        (
            {"sampler": "grid", "space": {"dropout": {"low": 0.0, "high": 0.5}}},
            "a grid needs choices or a step for every range, got dropout 0 to 0.5",
        ),
        (
            {"sampler": "random", "space": SPACE, "training": {"width": 8}},
            "either searched or fixed in training, got width in both",
        ),
        ({"sampler": "random", "space": {"activation": ["rleu"]}}, "activation must be one of .*relu.*, got 'rleu'"),
        ({"sampler": "random", "space": {"widht": [8]}}, "'widht' is no parameter; did you mean"),
        ({"sampler": "random", "space": {}}, "space must name the parameters to search, one at least, got {}"),
        ({"sampler": "random", "space": {"width": {"low": 9, "high": 3}}}, "low below high, got 9 and 3"),
        ({"sampler": "random", "space": {"width": {"low": 1}}}, "must have choices, or low and high"),
        ({"space": {"units": [8]}}, "'units' is no parameter; it is called width here"),
        ({"space": {"widht": [8]}}, "'widht' is no parameter; did you mean 'width'"),
        ({"sampler": "cmaes", "space": SPACE}, "sampler must be one of grid, random, list, tpe, got .cmaes."),
        ({"sampler": "random", "space": SPACE, "trials": 0}, "trials must be a whole number, 1 or more, got 0"),
        ({"sampler": "random", "space": SPACE, "trials": True}, "trials must be a whole number, 1 or more, got True"),
        (
            {"sampler": "random", "space": SPACE, "data": {"dataset": "digits", "split_seed": 2**32}},
            "split_seed must be at most 4,294,967,295, got 4294967296",
        ),
        ({"sampler": "random", "space": SPACE, "seed": -1}, "seed must be a whole number, 0 or more, got -1"),
        ({"sampler": "grid", "space": SPACE, "trials": 3}, "at most the 2 configurations of the grid, got 3"),
        (
            {"sampler": "random", "space": SPACE, "epochs": 3},
            "'epochs' is no key of a study: there are description, data, .*",
        ),
        ({"sampler": "random", "space": SPACE, "data": {"validation": 1.5}}, "validation must be .* got 1.5"),
        (
            {"sampler": "random", "space": SPACE, "data": {"preprocessing": "magic"}},
            "preprocessing must be one of rescale, standardise, none, got 'magic'",
        ),
        (
            {"sampler": "random", "space": SPACE, "data": {"reduction": "tsne:2"}},
            "reduction must be none, or pca: or forest: .*, got 'tsne:2'",
        ),
        ({"sampler": "list", "configurations": []}, r"a list of one configuration at least, got \[\]"),
        ({"sampler": "list", "configurations": [{"width": 8}], "space": SPACE}, "has configurations and no space"),
        (
            {"sampler": "random", "space": {"momentum": {"choices": [0.9], "when": {"optimizer": "sgd"}}}},
            "must refer to a parameter with choices above it, got 'optimizer'",
        ),
        (
            {"sampler": "random", "space": {"depth": [1], "width": {"choices": [8], "when": {"depth": 3}}}},
            r"must name choices of depth, \[1\], got \[3\]",
        ),
        ({"sampler": "random", "space": SPACE, "data": {"validation": float("nan")}}, "validation must be .* got nan"),
        ({"sampler": "random", "space": {"width": {"low": 1, "high": 3, "step": 9}}}, "step must fit .*, got 9"),
        ([1, 2], r"a study must be a mapping of .*, got \[1, 2\]"),
    ],
)
def test_a_study_that_breaks_a_rule_is_refused_with_the_rule_and_the_value(written: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read_settings(written, "x")


def test_differences_name_each_setting_that_changed() -> None:
    before = identity_of(read_settings({"sampler": "random", "space": SPACE, "training": {"epochs": 3}}, "x"), "a")
    later = {"sampler": "random", "space": SPACE, "training": {"epochs": 4}, "seed": 1}
    now = identity_of(read_settings(later, "x"), "b")
    assert differences(before, now) == ["data.sha256: a -> b", "seed: 0 -> 1", "training.epochs: 3 -> 4"]


def test_what_does_not_change_the_trials_is_not_part_of_the_identity() -> None:
    one = read_settings({"sampler": "random", "space": SPACE, "trials": 3, "description": "a"}, "x")
    other = read_settings({"sampler": "random", "space": SPACE, "trials": 9, "description": "b"}, "y")
    assert identity_of(one, "d") == identity_of(other, "d") != identity_of(one, "e")


def test_a_reduction_is_part_of_the_identity_and_is_named_only_where_there_is_one() -> None:
    without, none, pca = (
        read_settings({"sampler": "random", "space": SPACE, "data": data}, "x")
        for data in ({}, {"reduction": "none"}, {"reduction": "pca:.90"})
    )
    assert identity_of(without, "d") == identity_of(none, "d")
    assert "reduction" not in without.split | without.as_written()["data"]
    assert differences(identity_of(without, "d"), identity_of(pca, "d")) == ["data.reduction: (nothing) -> pca:0.9"]
    assert pca.split["reduction"] == read_settings(pca.as_written(), "x").reduction == "pca:0.9"


def test_a_key_that_stands_twice_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("sampler: random\nspace: {width: [8], width: [16]}\n")
    with pytest.raises(ConfigError, match="each key once, got 'width' again"):
        load_settings(str(tmp_path / "mine.yaml"))


def test_a_range_ends_at_the_last_value_that_its_step_reaches() -> None:
    space = {"width": {"low": 10, "high": 55, "step": 20}, "dropout": {"low": 0.0, "high": 0.5, "step": 0.2}}
    settings = read_settings({"sampler": "grid", "space": space}, "x")
    assert [domain.points() for domain in settings.space] == [(10, 30, 50), (0.0, 0.2, 0.4)]
    assert [domain.high for domain in settings.space] == [50, 0.4]


def test_targets_are_named_before_there_are_data_and_kept() -> None:
    study = {"sampler": "random", "space": SPACE, "targets": [0.97, 0.95]}
    settings = read_settings(study, "x")
    assert settings.targets == (0.95, 0.97)
    assert read_settings(settings.as_written(), "x") == settings
    assert identity_of(settings, "d") != identity_of(read_settings(study | {"targets": 0.95}, "x"), "d")
    with pytest.raises(ConfigError, match=r"targets must be numbers, got 'high'"):
        read_settings(study | {"targets": ["high"]}, "x")
    with pytest.raises(ConfigError, match=r"targets must be numbers, got 1000"):
        read_settings(study | {"targets": 10**400}, "x")
    with pytest.raises(ConfigError, match=r"targets must be values of val_accuracy, 0 to 1, got 97"):
        read_settings(study | {"targets": [97]}, "x").objective_of("classification")
