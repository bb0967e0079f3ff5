"""One description of each option serves --help, MLproject and docs/options.md."""

import re
from dataclasses import replace

import pytest
import yaml

from models.core.parameters import ACTIVATIONS, MONITORS, OPTIMIZERS
from search.__main__ import main
from search.command_line.described import COMMANDS, ENTRY_POINTS, SEARCH, parser_of
from search.command_line.options import options_of, read_options
from search.command_line.written import MLPROJECT, PAGE, SCHEMA, mlproject, page, study_schema
from tests.project import PROJECT

AGAIN = "`python -m search.command_line.written` writes it anew"


def test_mlproject_is_what_the_description_says() -> None:
    assert MLPROJECT.read_text() == mlproject(), AGAIN


def test_the_page_of_options_is_what_the_description_says() -> None:
    assert PAGE.read_text() == page(PAGE.read_text()), AGAIN


def test_the_schema_of_study_files_is_what_the_keys_say() -> None:
    assert SCHEMA.read_text() == study_schema(), AGAIN


@pytest.mark.parametrize("names", [MONITORS, ACTIVATIONS, OPTIMIZERS], ids=["metrics", "activations", "optimizers"])
def test_the_page_of_options_names_each_word_that_a_study_may_write(names: tuple[str, ...]) -> None:
    written = set(re.findall(r"\w+", PAGE.read_text()))
    assert [name for name in names if name not in written] == []


@pytest.mark.parametrize("point", ENTRY_POINTS)
def test_an_entry_point_passes_its_parameters_under_their_names_and_help_tells_of_each(point: str) -> None:
    name, command = ENTRY_POINTS[point]
    declared = yaml.safe_load(MLPROJECT.read_text())["entry_points"][point]
    passed = re.findall(r"--(\w+) \{(\w+)\}", declared["command"])
    assert [a for a, _ in passed] == [b for _, b in passed]
    assert {a for a, _ in passed} == set(declared["parameters"]) == {option.name for option in command.options}
    told = " ".join(parser_of(name).format_help().split())
    for option in command.options:
        assert f"--{option.name.replace('_', '-')}" in told
        assert " ".join(option.meaning.split()) in told


@pytest.mark.parametrize("point", ENTRY_POINTS)
def test_what_mlproject_passes_where_nobody_says_anything_are_the_command_s_own_defaults(point: str) -> None:
    name, command = ENTRY_POINTS[point]
    declared = yaml.safe_load(MLPROJECT.read_text())["entry_points"][point]["parameters"]
    passed = {key: "ID" if value == "string" else value["default"] for key, value in declared.items()}
    arguments = [word for key, value in passed.items() for word in (f"--{key}", value)]
    assert parser_of(name).read(arguments) == passed
    assert passed == {option.name: "ID" if option.required else option.default for option in command.with_defaults}


def test_help_names_every_command_with_its_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    told = capsys.readouterr().out
    assert "usage: python -m search [--OPTION VALUE ...]\n       python -m search COMMAND" in told
    for name, command in COMMANDS.items():
        assert f"  {name:9}{command.sentence}\n" in told or not name
        assert (PROJECT / f"{command.module.replace('.', '/')}.py").is_file()
    assert all(len(line) <= 118 for line in told.splitlines())


def test_a_search_begun_with_nothing_said_is_the_one_begun_with_every_default_said() -> None:
    said = [word for option in SEARCH for word in (option.typed, option.default)]
    begun = replace(options_of({}).limits, began=0.0)  # else the time of reading
    ways = [replace(options, limits=begun) for options in (read_options(said), read_options([]), options_of({}))]
    assert ways[0] == ways[1] == ways[2]
    assert read_options(["--dry_run"]).dry_run
    assert read_options(["--trial_timeout=3"]).given == {"trial_timeout": "3"}
