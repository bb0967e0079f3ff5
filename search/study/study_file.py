"""Study files: found by name or path, read as YAML, with what the command line says instead of them."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from models.core.errors import ConfigError
from search.study.settings import StudySettings, check_count, checked, read_settings

STUDIES = Path(__file__).parent.parent / "studies"


class _StudyLoader(yaml.SafeLoader):
    """YAML 1.1 reads 1e-5 as a word; people who write learning rates mean the number."""


def _unique_keys(loader: _StudyLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    keys = [loader.construct_object(key) for key, _ in node.value]
    twice = next((key for key in keys if keys.count(key) > 1), None)
    if twice is not None:
        raise ConfigError(f"a study file must name each key once, got {twice!r} again")
    return loader.construct_mapping(node, deep=True)


_StudyLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _unique_keys)
_StudyLoader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$"), list("-+0123456789")
)


def find_study(name_or_path: str) -> Path:
    """The file of a study that comes with the project, by name, or of the user's own, by path.

    Raises:
        ConfigError: there is none.
    """
    for candidate in (STUDIES / f"{name_or_path}.yaml", Path(name_or_path).expanduser()):
        if candidate.is_file() and candidate.suffix in (".yaml", ".yml"):
            return candidate
    names = ", ".join(sorted(path.stem for path in STUDIES.glob("*.yaml")))
    raise ConfigError(f"study must be one of {names}, or the path of a .yaml file, got {name_or_path!r}")


def settings_of(written: str, name: str) -> StudySettings:
    """The settings that a study.yaml among a run's artifacts describes.

    Raises:
        ConfigError: it is no study.
    """
    try:
        return read_settings(yaml.safe_load(written), name)
    except yaml.YAMLError as error:
        said = " ".join(str(error).split())
        raise ConfigError(
            f"the parent run must have a study as study.yaml among its artifacts, got: {said}; the search's own "
            "command, run again, writes it"
        ) from None


def load_settings(
    study: str,
    *,
    name: str | None = None,
    dataset: str | None = None,
    trials: int | None = None,
    seed: int | None = None,
    pruner: str | None = None,
) -> StudySettings:
    """The settings of a study file, with what the command line says instead of it.

    Raises:
        ConfigError: anything in them breaks a rule; the message names it and the value received.
    """
    path = find_study(study)
    try:
        written = yaml.load(path.read_text(encoding="utf-8"), Loader=_StudyLoader)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"a study must be a YAML file, got {str(path)!r}: {' '.join(str(error).split())}") from error
    settings = replace(read_settings(written, name or path.stem), source=study)
    if dataset is not None:
        settings = replace(settings, dataset=dataset)
    elif settings.dataset.endswith(".npz"):
        settings = replace(settings, dataset=str(path.parent / settings.dataset))  # a file's paths start from the file
    if seed is not None:
        settings = replace(settings, seed=check_count("seed", seed, 0))
    if trials is not None:
        settings = replace(settings, trials=check_count("trials", trials, 1))
    if pruner is not None:
        settings = replace(settings, pruner=pruner)
    return checked(settings)
