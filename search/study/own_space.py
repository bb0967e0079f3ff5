"""The space of the user's own function, found in a process of its own, because the driver never imports Keras."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from models.core.errors import ConfigError
from models.core.runtime import variables_to_import
from models.data.scaling import TableEncoding, count_inputs, fit_scaling
from models.data.splits import Split
from models.spaces.functions import KEYWORDS
from models.spaces.planner import PlanRow
from search.study.settings import StudySettings
from search.study.space import MOST_CELLS

SECONDS_A_CALL = 60.0
"""The longest that one call of the user's function may take while the plan is drawn; a call may never end by itself."""
_START = 120.0  # seconds until the process has imported Keras, on a machine that does much else


@dataclass(frozen=True)
class OwnSpace:
    """The space of a network of the user's own, as far as it is drawn."""

    kind: str
    """"keywords", "hp" or "trial": models.spaces.functions."""
    keywords: tuple[str, ...] = ()
    """The keywords of a function of keywords."""
    rows: tuple[PlanRow, ...] = ()
    """The trials from number 0 on, of a function that asks for its values."""
    n_parameters: int = 0
    """The number of weights of the first network; 0: not known."""

    def applied(self, settings: StudySettings) -> StudySettings:
        """The settings with what the function alone can tell: its keywords, and how large a grid is.

        Raises:
            ConfigError: the study has a space although the function has its own, or neither of them has one.
        """
        assert settings.source is not None
        if self.kind == KEYWORDS:
            if not (settings.space or settings.configurations):
                raise ConfigError(
                    f"a study needs a space for {settings.source.function}, which takes {', '.join(self.keywords)}: "
                    "`space:` beside `network:` in a study file (--network leaves out the space of the file), got none"
                )
            return replace(settings, keywords=self.keywords)
        if settings.space:
            raise ConfigError(
                f"space is found by running {settings.source.function}, which asks for it as it runs ({self.kind}), "
                f"got one in the study: {', '.join(settings.searched)}"
            )
        cells = len(self.rows) if settings.sampler == "grid" else None
        return replace(settings, asks=True, cells=cells, trials=settings.trials or cells or 0)

    def to_json(self, settings: StudySettings) -> str:
        """The text that a file beside the results and an artifact of the study's run keep."""
        rows = [asdict(row) for row in self.rows]
        kept = {"of": _of(settings), "kind": self.kind, "keywords": self.keywords, "rows": rows}
        return json.dumps(kept | {"n_parameters": self.n_parameters})

    @classmethod
    def from_json(cls, text: str, settings: StudySettings) -> "OwnSpace | None":
        """The space that `to_json` wrote; None where the text is of another function, seed or sampler."""
        try:
            values = json.loads(text)
            if values["of"] != _of(settings):
                return None
            rows = tuple(map(PlanRow.from_json, values["rows"]))
            return cls(values["kind"], tuple(values["keywords"]), rows, values.get("n_parameters", 0))
        except (ValueError, TypeError, KeyError):
            return None


def _of(settings: StudySettings) -> list[Any]:
    """The settings that decide the rows."""
    source = "" if settings.source is None else settings.source.hash
    return [source, settings.seed, settings.sampler, *([] if settings.deterministic else ["not deterministic"])]


def ask_network(
    settings: StudySettings,
    split: Split,
    count: int,
    known: OwnSpace | None = None,
    begun: Callable[["subprocess.Popen[str]"], None] = lambda process: None,
) -> OwnSpace:
    """The space of the study's own network, with at least `count` rows of a function that asks for it.

    `known` is the space that an earlier session found. The first network is built and fed two rows, so that a network
    which cannot work is refused before anything is made. `begun` receives the process that asks the function; the
    process ends with this one.

    Raises:
        ConfigError: the function or its first network is wrong; one line with the user's file and line.
    """
    if known is not None and (known.kind == KEYWORDS or settings.sampler != "random" or len(known.rows) >= count):
        return known
    before = known.rows if known is not None else ()
    job = _job(settings, split) | {"count": count, "before": [asdict(row) for row in before]}
    told = _run(job, _START + SECONDS_A_CALL * max(count - len(before), 1), begun)
    if "error" in told:
        raise ConfigError(told["error"])
    size = told["n_parameters"] or (0 if known is None else known.n_parameters)
    return OwnSpace(told["kind"], tuple(told["keywords"]), (*before, *map(PlanRow.from_json, told["rows"])), size)


def _job(settings: StudySettings, split: Split) -> dict[str, Any]:
    """The question to models.training.planning, but for the rows that are wanted and those that are known."""
    assert settings.source is not None
    plain = not split.columns and split.reduction == "none"
    return {
        "source": asdict(settings.source),
        "shape": list(split.input_shape) if plain else [count_inputs(split)],
        "columns": _columns(split),
        "n_outputs": split.target.n_outputs,
        "classes": bool(split.n_classes),
        "seed": settings.seed,
        "sampler": settings.sampler,
        "most": MOST_CELLS,
        "names": [*settings.searched, *(name for name, _ in settings.training)],
        "first": _first(settings),
        "training": dict(settings.training),
        "deterministic": settings.deterministic,
        "seconds": SECONDS_A_CALL,
    }


def _first(settings: StudySettings) -> dict[str, Any]:
    """Values to try the function with: the study's first configuration, or the first value of each domain."""
    if settings.configurations:
        return dict(settings.configurations[0])
    chosen: dict[str, Any] = {}
    for domain in settings.space:
        if domain.exists(chosen):
            chosen[domain.name] = domain.choices[0] if domain.choices else _low(domain)
    return chosen


def _low(domain: Any) -> Any:
    return int(domain.low) if domain.integer else float(domain.low)


def _columns(split: Split) -> dict[str, list[int]]:
    """Each column's first feature and the one behind its last; empty unless the data are a table, not reduced."""
    if not split.columns or split.reduction != "none":
        return {}
    encoding = fit_scaling(split)
    assert isinstance(encoding, TableEncoding)
    return {name: list(place) for name, place in encoding.places.items()}


def _run(job: Mapping[str, Any], seconds: float, begun: Callable[["subprocess.Popen[str]"], None]) -> dict[str, Any]:
    environment = os.environ | variables_to_import()
    environment.pop("MLFLOW_RUN_ID", None)
    alive, held = os.pipe()  # its other end closes when this process is gone, however that happens
    command = [sys.executable, "-P", "-m", "models.training.planning", str(alive)]
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    try:
        with subprocess.Popen(command, env=environment, text=True, pass_fds=[alive], **pipes) as process:  # type: ignore[call-overload]
            begun(process)
            try:
                told, errors = process.communicate(json.dumps(job), timeout=seconds)
            except BaseException as error:
                process.kill()
                if isinstance(error, subprocess.TimeoutExpired):
                    raise ConfigError(f"the network's plan must be drawn within {seconds:g} s, and was not") from None
                raise
    finally:
        os.close(alive)
        os.close(held)
    lines = told.strip().splitlines()  # what the user's code prints stands before
    if process.returncode or not lines:
        said = [line for line in errors.strip().splitlines() if line.strip()]
        raise ConfigError(
            f"the network's function must leave its process alive, got {said[-1] if said else 'no word'} (exit code "
            f"{process.returncode})"
        )
    return dict(json.loads(lines[-1]))
