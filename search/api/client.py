"""`search.run` and `search.load`: what a notebook or a script calls."""

import os
from collections.abc import Mapping
from typing import Any

from models.core.errors import ConfigError, shown
from search.api.asking import SearchError as SearchError
from search.api.asking import ask
from search.api.kept import keep_data, keep_source
from search.api.shown import Silent, shown_here
from search.api.source_text import file_of, source_text
from search.api.study import Study
from search.stores.paths import DEFAULT_STORAGE


def run(
    study: str | os.PathLike[str] | Mapping[str, Any] | None = None,
    *,
    network: Any = None,
    callbacks: Any = None,
    data: Any = None,
    target: str | list[str] | None = None,
    test: Any = None,
    task: str | None = None,
    leave_out: str | list[str] | None = None,
    group: str | None = None,
    weight: str | None = None,
    class_weight: str | None = None,
    name: str | None = None,
    trials: int | None = None,
    seed: int | None = None,
    sampler: str | None = None,
    objective: str | None = None,
    pruner: str | None = None,
    workers: int | str = "auto",
    scheduler: str | None = None,
    models: str = "all",
    storage: str = DEFAULT_STORAGE,
    tracking_uri: str | None = None,
    timeout: float | None = None,
    trial_timeout: float | None = None,
    stop_when_gain_below: float | None = None,
    show: bool = True,
) -> Study:
    """Runs what is missing of a study, as `python -m search` does, in a process of its own; the finished study.

    Called again with the same arguments it goes on where it ended; with more `trials` it extends the study.

    Args:
        study: a study by name, the path of a study file, or what one says as a dict; None with a network that asks for
            its own space.
        network: your function that builds a Keras network, or a class with `build(self, hp)`; or FILE.py:NAME.
        callbacks: what gives Keras callbacks for each trial: a function or class, or FILE.py:NAME.
        data: (x, y), (x_train, y_train, x_test, y_test), a dict of those, a DataFrame with `target`, or a name or path.
        test: the test part: a share, or of a DataFrame another one.
        name: of the study in MLflow and Optuna; needed where `study` is a dict without a network.
        workers: processes that train; "auto": one a core, as far as memory goes; 0: one process does all.
        storage: Optuna's; tracking_uri: MLflow's (that of MLFLOW_TRACKING_URI, or mlflow.db in the working directory).
        timeout: seconds after which the search ends in order, incomplete.
        show: whether progress and summary are shown.

    The others are the options of `python -m search --help`.

    Raises:
        ConfigError: bad input; nothing has been made.
        SearchError: the search ended with work missing; the same call goes on.
    """
    options = {
        "dataset": None if data is None else keep_data(data, storage),
        "test": None if test is None else str(test) if isinstance(test, float | int) else keep_data(test, storage),
        "target": _joined(target), "leave_out": _joined(leave_out), "task": task, "group": group, "weight": weight,
        "class_weight": class_weight, "name": name, "trials": trials, "seed": seed, "sampler": sampler,
        "objective": objective, "pruner": pruner, "workers": workers, "scheduler": scheduler, "models": models,
        "storage": storage, "timeout": timeout, "trial_timeout": trial_timeout,
        "stop_when_gain_below": stop_when_gain_below,
    }  # fmt: skip
    arguments = [f"--{key}={value}" for key, value in options.items() if value is not None]
    if study is None and network is None:
        raise ConfigError("a search needs a study, or a network that asks for its own space, got neither")
    handed = {
        key: _handed(value, key, storage)
        for key, value in (("network", network), ("callbacks", callbacks))
        if value is not None
    }
    own = {key: name for key, (name, _) in handed.items()}
    written = {"sampler": sampler or "random"} if study is None else study
    if not isinstance(written, Mapping | str | os.PathLike):
        raise ConfigError(f"a study must be a name, the path of a file, or a dict, got {shown(written)}")
    request = {
        "act": "run",
        "arguments": arguments,
        "study": dict(written) if isinstance(written, Mapping) else os.fspath(written),
        "own": own,
        "stem": own["network"].rpartition(":")[2] if network is not None else "",
    }
    heard = shown_here(show)
    answer, code = ask(request, tracking_uri, heard)
    if code and (timeout is None or answer is None):
        raise SearchError(_why(heard))
    return _study(answer, handed["network"][1] if "network" in handed else {})


def load(name: str, *, tracking_uri: str | None = None) -> Study:
    """A study by its name in MLflow, as it is now.

    Raises:
        ConfigError: there is none, or the tracking store does not answer.
    """
    return _study(ask({"act": "load", "name": name}, tracking_uri, Silent())[0], {})


def _study(answer: tuple[Any, str], own: Mapping[str, Any]) -> Study:
    table, tracking_uri = answer
    return Study(table.study, tracking_uri, table=table, own=own)


def _handed(found: Any, what: str, storage: str) -> tuple[str, Mapping[str, Any]]:
    """FILE.py:NAME of what the program hands over, and its own functions and classes that this names."""
    if isinstance(found, str | os.PathLike):
        file, _, name = os.fspath(found).rpartition(":")
        return (f"{os.path.abspath(file)}:{name}" if file else os.fspath(found)), {}
    if hasattr(type(found), "build") and not isinstance(found, type) and not vars(found):
        found = type(found)  # an object without a state of its own is what its class makes
    of_file = file_of(found)
    if of_file is not None:
        return of_file, {}
    text, name, own = source_text(found, what)
    return f"{keep_source(text, what, storage)}:{name}", own


def _joined(columns: str | list[str] | None) -> str | None:
    return columns if columns is None or isinstance(columns, str) else ",".join(map(str, columns))


def _why(heard: Silent) -> str:
    """The lines with which the search ended."""
    since = [place for place, line in enumerate(heard.lines) if line.startswith("ended: ")]
    lines = heard.lines[since[-1] :] if since else heard.lines[-1:]
    return "; ".join(line.strip() for line in lines) or "the search ended with work missing"
