"""Study files: found by name or path, read as YAML, overridden by the command line."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from models.core.errors import ConfigError, shown
from models.core.suggestions import did_you_mean
from models.data.sources import Source as DataSource
from models.spaces.source import Source, read_source
from search.study.settings import StudySettings, default_preprocessing

STUDIES = Path(__file__).parent.parent / "studies"
_MOST_BYTES = 1_000_000
_MOST_NODES = 100_000  # the most nodes of a study file, its aliases written out
_SUFFIXES = (".yaml", ".yml")
_MERGE = "tag:yaml.org,2002:merge"


class _StudyLoader(yaml.SafeLoader):
    """YAML 1.1 as people mean it: 1e-5 is a number; 010 and 1:30, which it reads as 8 and 90, are refused."""

    def get_single_node(self) -> yaml.Node | None:
        node = super().get_single_node()
        if node is not None and _size(node, {}) > _MOST_NODES:
            raise ConfigError(f"a study file may have {_MOST_NODES:,} values, its aliases written out, got more")
        return node


def _size(node: yaml.Node, known: dict[int, int]) -> int:
    """The number of nodes with every alias written out."""
    if id(node) not in known:
        known[id(node)] = 1  # a node that contains itself through an alias counts once
        inner = node.value if isinstance(node, yaml.CollectionNode) else []
        parts = (part for item in inner for part in (item if isinstance(item, tuple) else (item,)))
        known[id(node)] = min(1 + sum(_size(part, known) for part in parts), _MOST_NODES + 1)
    return known[id(node)]


def _unique_keys(loader: _StudyLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    keys = [loader.construct_object(key, deep=True) for key, _ in node.value if key.tag != _MERGE]
    try:
        twice = next((key for key in keys if keys.count(key) > 1), None)
        if twice is not None:
            raise ConfigError(f"a study file must name each key once, got {shown(twice)} again")
        return loader.construct_mapping(node, deep=True)
    except TypeError as error:
        raise ConfigError(f"a key of a study file must be a word, got {error}") from None


def _plain_whole_number(loader: _StudyLoader, node: yaml.ScalarNode) -> int:
    text = node.value.replace("_", "")
    if ":" in text or re.fullmatch(r"[-+]?0[0-9]+", text):
        raise ConfigError(f"a number must be written so that it has one meaning, got {text[:40]!r} (0o10? '1:30'?)")
    if len(text) > 40:
        raise ConfigError(f"a whole number may have 40 digits, got one of {len(text):,}")
    return int(loader.construct_yaml_int(node))


_StudyLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _unique_keys)
_StudyLoader.add_constructor("tag:yaml.org,2002:int", _plain_whole_number)
_StudyLoader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$"), list("-+0123456789")
)


def find_study(name_or_path: str) -> Path:
    """The file of a study that comes with the project, by name, or of the user's own, by path.

    Raises:
        ConfigError: there is none.
    """
    there = False
    for place in (f"{STUDIES}/{name_or_path}.yaml", name_or_path):
        try:
            candidate = Path(place).expanduser()
            there = candidate.exists()
            if candidate.is_file() and candidate.suffix in _SUFFIXES:
                return candidate
        except (OSError, RuntimeError, ValueError):  # a name too long, an unknown user's home, a null byte
            continue
    if there:
        raise ConfigError(f"{shown(name_or_path)} is no study: a study is a .yaml file, or the name of one")
    if name_or_path.endswith(_SUFFIXES) or os.sep in name_or_path:
        raise ConfigError(f"{shown(name_or_path)}: no such file; a study is a .yaml file, or the name of one")
    names = sorted(path.stem for path in STUDIES.glob("*.yaml"))
    meant = did_you_mean(name_or_path, names)
    known = "" if meant else f" ({', '.join(names)})"
    raise ConfigError(
        f"{shown(name_or_path)} is no study{meant or ':'} a study is a .yaml file of yours, or one that comes with the "
        f"project{known}"
    )


def settings_of(written: str, name: str, source: Source | None = None) -> StudySettings:
    """The settings of a study.yaml among a run's artifacts; `source` is the source of the user's own network.

    Raises:
        ConfigError: the text is no study.
    """
    from search.study.reading import read_settings  # as in make_settings

    try:
        return replace(read_settings(yaml.safe_load(written), name), source=source)
    except (yaml.YAMLError, RecursionError) as error:
        said = " ".join(str(error).split())
        raise ConfigError(
            f"the parent run must have a study as study.yaml among its artifacts, got: {said}; the search's own "
            "command, run again, writes it"
        ) from None


def _refuse_equal_configurations(settings: StudySettings) -> None:
    """Refuses equal configurations in a written list; only a confirming study repeats them, with other seeds."""
    seen: dict[str, int] = {}
    for place, configuration in enumerate(settings.configurations):
        key = settings.config(dict(configuration)).hash() if not settings.network else repr(sorted(configuration))
        first = seen.setdefault(key, place)
        if first != place:
            raise ConfigError(
                f"a list must name each network once, got configurations {first + 1} and {place + 1}, which are the "
                f"same one: {shown(dict(configuration))}"
            )


def _with_network(settings: StudySettings, given: str | None, folder: Path) -> StudySettings:
    """The settings with the source of the network, read from the working directory where the network is `given` on the
    command line, else from the folder of the study file.
    """
    if not settings.network:
        return settings
    source = read_source(settings.network, folder if given is None else Path(), settings.callbacks)
    callbacks = f"{source.folder}/{source.callbacks}" if source.callbacks else ""
    return replace(settings, source=source, network=f"{source.folder}/{source}", callbacks=callbacks)


def _with_source(
    settings: StudySettings, written: Mapping[str, Any], given: Mapping[str, str], folder: Path
) -> StudySettings:
    """The settings with the data that the command line names, or those of the study file, as seen from its folder."""
    source = settings.source_of_data.beside(folder)
    if "dataset" in given:
        source = DataSource.read(given)
    elif given:
        source = replace(
            source, **{key: getattr(DataSource.read({"dataset": "x"} | dict(given)), key) for key in given}
        )
    settings = replace(settings, dataset=source.to_text())
    if "preprocessing" in (written.get("data") or {}):
        return settings
    return replace(settings, preprocessing=default_preprocessing(source))


def read_study(study: str) -> tuple[Path, Any]:
    """The file of a study, found by name or path, and its content.

    Raises:
        ConfigError: there is no such file, or the file is no YAML.
    """
    path = find_study(study)
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise ConfigError(f"a study file may have {_MOST_BYTES:,} bytes, got {str(path)!r}, which has more")
        return path, yaml.load(path.read_text(encoding="utf-8"), Loader=_StudyLoader)
    except RecursionError:
        raise ConfigError(f"a study file must not nest so deeply, got {str(path)!r}") from None
    except ConfigError:
        raise
    except (yaml.YAMLError, ValueError, OSError) as error:  # ValueError: no UTF-8, or a !!int that is none
        said = " ".join(str(error).split())[:300]
        raise ConfigError(f"a study must be a YAML file, got {str(path)!r}: {said}") from error


@dataclass(frozen=True)
class Said:
    """Values that the command line or a program gives instead of a study file's; None: the file's own stands."""

    name: str | None = None
    data: Mapping[str, str] | None = None
    trials: int | None = None
    seed: int | None = None
    pruner: str | None = None
    objective: str | None = None
    class_weight: str | None = None
    network: str | None = None
    sampler: str | None = None

    def over(self, written: Mapping[str, Any]) -> dict[str, Any]:
        """The content of the study file, with the given values in place of the file's own."""
        said: dict[str, Any] = {key: getattr(self, key) for key in ("trials", "seed", "pruner", "objective")}
        if self.class_weight is not None:
            said["data"] = {**(written.get("data") or {}), "class_weight": self.class_weight}
        return {**written, **{key: value for key, value in said.items() if value is not None}}


def load_settings(study: str, **said: Any) -> StudySettings:
    """The settings of a study file; keywords are the fields of `Said`.

    Raises:
        ConfigError: a value breaks a rule; the message names the rule and the value received.
    """
    path, written = read_study(study)
    return make_settings(written, path.stem, path.parent, Said(**said))


def make_settings(written: Any, stem: str, folder: Path, said: Said) -> StudySettings:
    """The settings of a study file's content, with `said` in place of its values; its paths start from `folder`.

    `stem` is the name of the study unless `said` has a name. A sampler in `said` must be the sampler of the study,
    unless `said` names a network too, whose space it then searches.

    Raises:
        ConfigError: as `load_settings`.
    """
    # pydantic costs 0.1 s, which --help and a misspelt option, whose imports lead here too, need not wait for.
    from search.study.reading import read_settings

    network, sampler = said.network, said.sampler
    if network is not None and isinstance(written, Mapping):
        # The study's space and training are those of its own network.
        theirs = ("space", "configurations", "training", "callbacks", "deterministic")
        others = (*theirs, "trials") if sampler == "grid" else theirs
        written = {key: value for key, value in written.items() if key not in others}
        written |= {"network": network} | ({} if sampler is None else {"sampler": sampler})
    if network not in (None, "mlp") and ":" not in str(network):
        raise ConfigError(f"network must be FILE.py:NAME, the file and the function in it, got {shown(network)}")
    own = stem if network is None or network == "mlp" else Path(network.rpartition(":")[0]).stem
    settings = read_settings(written, said.name or own)  # the file keeps the rules whatever is said instead
    if sampler is not None and settings.sampler != sampler:
        raise ConfigError(
            f"the sampler {sampler} needs a {sampler} study, got {settings.name!r}, whose sampler is {settings.sampler}"
        )
    _refuse_equal_configurations(settings)
    over = said.over(written)
    if over != written:
        settings = read_settings(over, settings.name)
    settings = _with_source(settings, written, said.data or {}, folder)
    return _with_network(settings, network, folder)
