"""What the pages point at is there: files, headings, commands, options, studies."""

import re
from pathlib import Path

import pytest

from search.command_line.described import COMMANDS, ENTRY_POINTS
from search.study.study_file import STUDIES
from tests.project import PROJECT

PAGES = {path.relative_to(PROJECT).as_posix(): path for path in (PROJECT / "README.md", *PROJECT.glob("docs/*.md"))}
PUBLIC = ("https://", "http://127.0.0.1")
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_COMMAND = re.compile(r"mlflow run \.([^`\n]*)")
_ALSO = {"test", "check"}  # entry points that are no commands of the program


def prose(path: Path) -> str:
    """A page without its blocks of code."""
    return re.sub(r"^```.*?^```", "", path.read_text(), flags=re.M | re.S)


def anchors(path: Path) -> set[str]:
    """The headings of a page, as links name them."""
    titles = re.findall(r"^#+ (.*)$", prose(path), re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_somewhere(page: str) -> None:
    for link in _LINK.findall(prose(PAGES[page])):
        if link.startswith(PUBLIC):
            continue
        file, _, anchor = link.partition("#")
        target = (PAGES[page].parent / file).resolve() if file else PAGES[page]
        assert target.exists(), link
        assert target.is_relative_to(PROJECT), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("page", PAGES)
def test_every_command_of_the_project_names_an_entry_point_and_its_parameters(page: str) -> None:
    for arguments in _COMMAND.findall(PAGES[page].read_text()):
        point = re.search(r"-e (\w+)", arguments)
        name = point[1] if point else "main"
        if name in _ALSO or name.isupper():
            continue
        known = {option.name for option in ENTRY_POINTS[name][1].options}
        assert set(re.findall(r"-P (\w+)=", arguments)) - {"NAME"} <= known, arguments


@pytest.mark.parametrize("page", PAGES)
def test_every_command_of_the_program_and_its_options_are_there(page: str) -> None:
    text = PAGES[page].read_text()
    for line in re.findall(r"^ {4}search ([^\n]*)$", text, re.M) + re.findall(
        r"`(?:python -m )?search ([^`\n]*)`", text
    ):
        first = line.split()[0]
        name = first if first in COMMANDS else ""
        assert name or first.startswith("-") or first.isupper(), line
        known = {option.typed for option in COMMANDS[name].options} | {"--help", "--NAME", "--OPTION"}
        assert {word.partition("=")[0] for word in line.split() if word.startswith("--")} <= known, line


@pytest.mark.parametrize("page", PAGES)
def test_every_study_and_every_file_that_a_page_names_is_there(page: str) -> None:
    text = PAGES[page].read_text()
    for name in re.findall(r"`((?:models|search|analysis|tests|benchmarks|docs|examples|\.ci)/[\w./*-]*)`", text):
        assert list(PROJECT.glob(name)), name
    for name in re.findall(r"(?:study[= ]|--study )([a-z]+-[\w-]+)\b(?!\.yaml)", text):
        assert (STUDIES / f"{name}.yaml").is_file(), name


def test_every_study_of_the_project_stands_on_the_page_for_a_class() -> None:
    text = (PROJECT / "docs" / "class.md").read_text()
    for study in STUDIES.glob("*.yaml"):
        assert study.stem in text or study.stem.startswith("digits-"), study.stem


def test_every_page_is_reached_from_the_readme() -> None:
    linked = set(_LINK.findall(PAGES["README.md"].read_text()))
    assert {page for page in PAGES if page != "README.md"} <= {link.partition("#")[0] for link in linked}
