"""`search.run` and `search.load`, which a notebook or a script calls."""

import os
from collections.abc import Mapping
from typing import Any

from models.core.errors import ConfigError, shown
from search.api.asking import SearchError as SearchError
from search.api.asking import answer_to, ask
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
    """Runs the missing trials of a study, as `python -m search` does, in a process of its own; returns the study.

    The same call again goes on where the search ended; a call with more `trials` extends the study.

    Args:
        study: the name of a study, the path of a study file, or the content of one as a dict; None with a network that
            asks for its own space.
        network: your function that builds a Keras network, or a class with `build(self, hp)`; or FILE.py:NAME.
        callbacks: a function or class that gives the Keras callbacks of each trial, or FILE.py:NAME.
        data: (x, y), (x_train, y_train, x_test, y_test), a dict of such arrays, a DataFrame with `target`, or the name
            or path of a data set.
        test: the test part: a share of the data, or a second DataFrame.
        name: the study's name in MLflow and Optuna; required where `study` is a dict without a network.
        workers: the number of processes that train; "auto": one per core, fewer where memory is short; 0: the process
            of the search trains too.
        storage: the address of Optuna's storage.
        tracking_uri: the address of MLflow's tracking store; None: that of MLFLOW_TRACKING_URI, or else mlflow.db in
            the working directory.
        timeout: seconds after which the search ends in order, incomplete.
        show: whether progress and summary are shown.

    The other arguments are the options that `python -m search --help` describes.

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
    if study is None and network is None:
        raise ConfigError("a search needs a study, or a network that asks for its own space, got neither")
    handed = {
        key: _handed(value, key, storage)
        for key, value in (("network", network), ("callbacks", callbacks))
        if value is not None
    }
    request = _request({"sampler": sampler or "random"} if study is None else study, handed, options)
    heard = shown_here(show)
    answer, code = ask(request, tracking_uri, heard)
    if code and (timeout is None or answer is None):
        raise SearchError(_why(heard))
    return _study(answer, handed["network"][1] if "network" in handed else {})


def _request(
    study: Any, handed: Mapping[str, tuple[str, Mapping[str, Any]]], options: Mapping[str, Any]
) -> dict[str, Any]:
    """The request of a search (search.api.process): a study, functions of the program, options of the command line."""
    if not isinstance(study, Mapping | str | os.PathLike):
        raise ConfigError(f"a study must be a name, the path of a file, or a dict, got {shown(study)}")
    own = {key: name for key, (name, _) in handed.items()}
    return {
        "act": "run",
        "arguments": [f"--{key}={value}" for key, value in options.items() if value is not None],
        "study": dict(study) if isinstance(study, Mapping) else os.fspath(study),
        "own": own,
        "stem": own.get("network", "").rpartition(":")[2],
    }


def load(name: str, *, tracking_uri: str | None = None) -> Study:
    """A study by its name in MLflow, as it is now.

    Raises:
        ConfigError: there is no such study, or the tracking store does not answer.
    """
    return _study(answer_to({"act": "load", "name": name}, tracking_uri), {})


def _study(answer: tuple[Any, str], own: Mapping[str, Any]) -> Study:
    table, tracking_uri = answer
    return Study(table.study, tracking_uri, table=table, own=own)


def _handed(found: Any, what: str, storage: str) -> tuple[str, Mapping[str, Any]]:
    """FILE.py:NAME of a function or class of the program, and the functions and classes that its text names."""
    if isinstance(found, str | os.PathLike):
        file, _, name = os.fspath(found).rpartition(":")
        return (f"{os.path.abspath(file)}:{name}" if file else os.fspath(found)), {}
    if hasattr(type(found), "build") and not isinstance(found, type) and not vars(found):
        found = type(found)  # an object without attributes equals any other that its class makes
    of_file = file_of(found)
    if of_file is not None:
        return of_file, {}
    text, name, own = source_text(found, what)
    return f"{keep_source(text, what, storage)}:{name}", own


def _joined(columns: str | list[str] | None) -> str | None:
    return columns if columns is None or isinstance(columns, str) else ",".join(map(str, columns))


def _why(heard: Silent) -> str:
    """The last lines of the search, which say why it ended."""
    since = [place for place, line in enumerate(heard.lines) if line.startswith("ended: ")]
    lines = heard.lines[since[-1] :] if since else heard.lines[-1:]
    return "; ".join(line.strip() for line in lines) or "the search ended with work missing"
