"""Options, each described once, and the parser that reads them. The error of a misspelt option suggests a name."""

import argparse
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from models.core.errors import ConfigError, shown
from models.core.parameters import PARAMETERS
from models.core.suggestions import did_you_mean

DEFAULT = "default"
"""The value of an option that nobody set. MLflow's projects must give every parameter a value."""

FLAG = "true|false"
_WIDEST = 110


@dataclass(frozen=True)
class Option:
    """An option, typed as `--name VALUE`, or as `-P name=VALUE` of `mlflow run`."""

    name: str
    """The name with underscores; a command line takes hyphens as well."""
    values: str
    """The possible values as the help shows them: N, FILE, all|best:K|none. A `true|false` option needs no value."""
    meaning: str
    default: str = DEFAULT
    """The value where nobody sets the option; DEFAULT where the study sets it, or where there is no value."""
    required: bool = False

    @property
    def typed(self) -> str:
        """The option as it is typed."""
        return f"--{self.name.replace('_', '-')}"

    @property
    def description(self) -> str:
        """The meaning, and the default where there is one."""
        ending = " (required)" if self.required else "" if self.default == DEFAULT else f" ({self.default})"
        return self.meaning + ending


class Parser(argparse.ArgumentParser):
    """Reads options. Arguments that cannot be read raise ConfigError, where argparse would end the program."""

    def __init__(
        self, prog: str, description: str, options: Sequence[Option], usage: str = "", epilog: str = ""
    ) -> None:
        super().__init__(
            prog=prog,
            usage=usage or f"{prog} [--OPTION VALUE ...]",
            description=description,
            epilog=epilog,
            formatter_class=_Formatter,
            allow_abbrev=False,
        )
        self._options = {option.typed: option for option in options}
        for typed, option in self._options.items():
            flag: dict[str, Any] = {"nargs": "?", "const": "true"} if option.values == FLAG else {}
            meaning = option.description.replace("%", "%%")
            self.add_argument(typed, default=option.default, metavar=option.values, help=meaning, **flag)

    def read(self, arguments: Sequence[str]) -> dict[str, str]:
        """The value of each option, by the option's name.

        Raises:
            ConfigError: a word is no option, an option has no value, or a required option is missing.
        """
        spelled = [_with_hyphens(word) for word in arguments]
        given, others = self.parse_known_args(spelled)
        if others:
            self.error(self._no_option(others[0]))
        values = {name: str(value) for name, value in vars(given).items()}
        for option in self._options.values():
            if option.required and values[option.name] == DEFAULT:
                self.error(f"{option.typed} {option.values} is missing: {option.meaning}")
        return values

    def _no_option(self, word: str) -> str:
        typed = word.partition("=")[0]
        if not typed.startswith("-"):
            return f"{shown(word)} is no option: an option begins with --"
        hint = did_you_mean(typed, self._options)
        if not hint and typed.removeprefix("--").replace("-", "_") in PARAMETERS:
            hint = "; parameters of trials stand in a study file, under space or training"
        return f"{shown(typed)} is no option{hint}"

    def error(self, message: str) -> None:  # type: ignore[override]
        raise ConfigError(f"{message} (all options: {self.prog} --help)")


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Formats help as wide as the terminal, up to a width that is easy to read."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=30, width=min(shutil.get_terminal_size().columns, _WIDEST) - 2)


def _with_hyphens(word: str) -> str:
    """`word` with hyphens in place of its underscores, where the word is an option; any other word unchanged."""
    name, equals, value = word.partition("=")
    return name.replace("_", "-") + equals + value if word.startswith("--") else word


def said(values: Mapping[str, str], name: str) -> str | None:
    """The value of an option; None where nobody set the option."""
    return None if values[name] in (DEFAULT, "") else values[name]


def flag(name: str, text: str) -> bool:
    """The truth value of the option `name`, whose text is true or false.

    Raises:
        ConfigError: the text is neither.
    """
    if text not in ("true", "false"):
        raise ConfigError(f"{name} must be true or false, got {shown(text)}")
    return text == "true"
