"""`python -m search.command_line.written`: the files that are made from the descriptions in the code.

MLproject and the tables of docs/options.md follow described.py, docs/study.schema.json follows search/study/keys.py.
"""

import json
from pathlib import Path

from analysis.command_line.options import FLAG, Option
from models.core.runtime import PROJECT
from search.command_line.described import COMMANDS, ENTRY_POINTS, Command
from search.study.keys import schema

MLPROJECT, PAGE, SCHEMA = PROJECT / "MLproject", PROJECT / "docs" / "options.md", PROJECT / "docs" / "study.schema.json"
_WIDTH = 118
_BEGIN, _END = "<!-- options: written by python -m search.command_line.written -->", "<!-- end of options -->"

_HEAD = """\
# Written by `python -m search.command_line.written` from search/command_line/described.py: change the options there.
name: search

conda_env: conda.yaml

# `default` means what the study file says, or nothing. Undeclared parameters are refused by the program.
entry_points:
"""

_TAIL = """\
  test:
    parameters:
      select: {type: string, default: "not slow"}  # the tests to run, as pytest's -m
    command: python -m pytest -n 2 --dist loadfile -m {select}
  check:
    command: ruff check . && ruff format --check . && mypy && lint-imports
"""


def mlproject() -> str:
    """The text of MLproject: one entry point for each command, and beside each parameter its meaning."""
    points = [_entry_point(name, started, command) for name, (started, command) in ENTRY_POINTS.items()]
    return _HEAD + "".join(points) + _TAIL


def tables() -> str:
    """One Markdown section for each command, with a table of its options."""
    sections = [_section(name, command) for name, command in COMMANDS.items()]
    others = [
        f"`-e {name}` is a search with {' and '.join(f'`{key}={value}`' for key, value in it.defaults.items())}."
        for name, (_, it) in ENTRY_POINTS.items()
        if it.defaults
    ]
    return "\n\n".join([sections[0], *others, *sections[1:]])


def page(before: str) -> str:
    """The text of docs/options.md: `before`, with its tables replaced."""
    head, _, rest = before.partition(_BEGIN)
    return f"{head}{_BEGIN}\n\n{tables()}\n\n{_END}{rest.partition(_END)[2]}"


def study_schema() -> str:
    """The whole of docs/study.schema.json."""
    return json.dumps(schema(), indent=1) + "\n"


def _entry_point(name: str, started: str, command: Command) -> str:
    if command.defaults:
        changed = [_parameter(option) for option in command.with_defaults if option.name in command.defaults]
        return "\n".join([f"  {name}:", "    parameters:", "      <<: *search", *changed, "    command: *command", ""])
    anchored = not started
    lines = [f"  {name}:", "    parameters:" + " &search" * anchored, *map(_parameter, command.options)]
    words = ["python -m search", *([started] if started else [])]
    words += [f"--{option.name} {{{option.name}}}" for option in command.options]
    return "\n".join([*lines, "    command:" + " &command" * anchored + " >-", *_wrapped(words), ""])


def _parameter(option: Option) -> str:
    kind = "string" if option.required else f"{{type: string, default: {_scalar(option.default)}}}"
    return f"      {option.name}: {kind}  # {option.meaning}"


def _scalar(text: str) -> str:
    """A YAML string, quoted where YAML or MLflow would take the bare text for something else."""
    plain = text.replace("-", "").isalpha() and text not in ("true", "false", "none")
    return text if plain else json.dumps(text)


def _wrapped(words: list[str]) -> list[str]:
    lines = [f"      {words[0]}"]
    for word in words[1:]:
        if len(lines[-1]) + 1 + len(word) > _WIDTH:
            lines.append(f"      {word}")
        else:
            lines[-1] += f" {word}"
    return lines


def _section(name: str, command: Command) -> str:
    title = (
        f"### `-e {name}`, or `python -m search {name}`"
        if name
        else "### A search: `mlflow run .`, or `python -m search`"
    )
    rows = [
        f"| `{option.name}` | {_code(option.values)} | {option.meaning.replace('|', '&#124;')} | {_default(option)} |"
        for option in command.options
    ]
    sentence = " ".join(command.sentence.split())
    return "\n".join([title, "", sentence, "", "| option | values | meaning | default |", "|---|---|---|---|", *rows])


def _default(option: Option) -> str:
    return "must be given" if option.required else "" if option.default == "default" else f"`{option.default}`"


def _code(values: str) -> str:
    """The values of an option, each alternative as code, because a table's cell cannot hold a bar."""
    return "true, false" if values == FLAG else ", ".join(f"`{each}`" for each in values.split("|"))


def _write(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    _write(MLPROJECT, mlproject())
    _write(PAGE, page(PAGE.read_text(encoding="utf-8")))
    _write(SCHEMA, study_schema())
