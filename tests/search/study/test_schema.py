"""docs/study.schema.json takes what the program takes and explains each key: editors complete study files by it."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from models.core.errors import ConfigError
from models.core.parameters import PARAMETERS
from search.command_line.written import SCHEMA
from search.study.reading import read_settings
from search.study.study_file import STUDIES, read_study
from tests.project import PROJECT

OURS = sorted([*STUDIES.glob("*.yaml"), *(PROJECT / "examples").glob("*.yaml")])
SPACE = {"width": [8, 16], "learning_rate": {"low": 0.001, "high": 0.1, "log": True}}
SCHEMA_OF_STUDIES = json.loads(SCHEMA.read_text())


def refused(written: Any) -> list[str]:
    """The schema's complaints about the content of a study file."""
    return [error.message for error in Draft202012Validator(SCHEMA_OF_STUDIES).iter_errors(written)]


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(SCHEMA_OF_STUDIES)


@pytest.mark.parametrize("study", OURS, ids=lambda path: path.stem)
def test_a_study_of_the_project_names_the_schema_and_follows_it(study: Path) -> None:
    first = study.read_text().splitlines()[0]
    assert first.startswith("# yaml-language-server: $schema=")
    assert (study.parent / first.partition("=")[2]).resolve() == SCHEMA
    assert refused(read_study(str(study))[1]) == []


@pytest.mark.parametrize("page", ["README.md", "docs/options.md"])
def test_the_study_files_of_the_pages_follow_the_schema(page: str, tmp_path: Path) -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", (PROJECT / page).read_text(), re.DOTALL)
    assert blocks
    for block in blocks:
        (tmp_path / "page.yaml").write_text(block)
        assert refused(read_study(str(tmp_path / "page.yaml"))[1]) == []


@pytest.mark.parametrize(
    "written",
    [
        {"space": SPACE},
        {"space": SPACE, "data": None, "training": None, "trials": 1e3, "seed": 2**32 - 1},
        {"space": SPACE, "description": "", "targets": 0.9, "network": "mlp", "pruner": "median"},
        {"space": SPACE, "data": {"dataset": "a.csv", "target": ["x", "y"], "test": 0.3, "leave_out": "z"}},
        {"space": SPACE, "data": {"validation": 100, "reduction": "forest:70", "image_size": 28, "color": "grey"}},
        {"space": {"width": [[8, 4], "16-8"], "batch_norm": [True, "after"]}},
        {"space": {"optimizer": ["adam", "sgd"], "momentum": {"choices": [0.0], "when": {"optimizer": "sgd"}}}},
        {"space": {"optimizer": ["adam", "sgd"], "momentum": {"low": 0, "high": 0.5, "when": {"optimizer": ["sgd"]}}}},
        {"space": {"units": {"low": 1, "high": 9, "step": 2}, "deep": [True, False]}, "network": "own.py:build"},
        {"sampler": "list", "configurations": [{"width": 8}, {"width": [8, 4]}]},
        {"sampler": "tpe", "replicates": 3, "space": SPACE},
    ],
)
def test_the_schema_takes_what_the_program_takes(written: dict[str, Any]) -> None:
    settings = read_settings(written, "x")
    assert refused(written) == []
    assert refused(settings.as_written()) == []


@pytest.mark.parametrize(
    "written",
    [
        "words",
        {"space": SPACE, "trails": 10},
        {"space": SPACE, "trials": 0},
        {"space": SPACE, "seed": "one"},
        {"space": SPACE, "sampler": "rondom"},
        {"space": SPACE, "sampler": ""},
        {"space": SPACE, "pruner": ""},
        {"space": SPACE, "data": {"preprocessing": ""}},
        {"space": SPACE, "data": {"validaton": 0.1}},
        {"space": SPACE, "data": {"validation": 0}},
        {"space": SPACE, "data": {"validation": [0.1]}},
        {"space": SPACE, "data": {"reduction": "pca"}},
        {"space": {"width": 8}},
        {"space": {"width": {"low": 8}}},
        {"space": {"width": {"choices": [8], "low": 4}}},
        {"space": {"width": {"low": 8, "high": 16, "log": "yes"}}},
        {"sampler": "list", "configurations": []},
        {"space": SPACE, "targets": ["high"]},
        {"space": SPACE, "deterministic": "no"},
    ],
)
def test_the_schema_refuses_slips_that_the_program_refuses(written: Any) -> None:
    with pytest.raises(ConfigError):
        read_settings(written, "x")
    assert refused(written)


def test_the_schema_explains_every_key() -> None:
    kinds = [SCHEMA_OF_STUDIES, *SCHEMA_OF_STUDIES["$defs"].values()]
    keys = [(key, value.get("description", "")) for kind in kinds for key, value in kind.get("properties", {}).items()]
    assert [key for key, description in keys if len(description) < 10] == []
    keys = SCHEMA_OF_STUDIES["properties"]
    for values in (keys["space"], keys["training"]["anyOf"][0], keys["configurations"]["items"]):
        assert list(values["properties"]) == list(PARAMETERS)
        assert all(len(value["description"]) > 10 for value in values["properties"].values())
