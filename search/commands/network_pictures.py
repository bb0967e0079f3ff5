"""Inspects a trial's network: reads its run, runs its model in a process of its own, puts pictures on the run."""

import multiprocessing
import re
import tempfile
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from analysis.estimates.notes import NOT_DETERMINISTIC
from analysis.page.html import sections_page
from analysis.page.section import Section, section_files
from analysis.reading.addresses import in_one_line
from analysis.reading.mlflow_runs import INSPECTED, by_epoch
from analysis.report import regression_sections
from analysis.report.network_sections import Versus, errors_section, inside_section, network_section, predictions_of
from analysis.report.regression_sections import VersusResiduals
from analysis.report.sections import data_section
from models.core import names, states
from models.core.errors import ConfigError
from models.core.results import SCORED_PARTS
from models.core.runtime import prepare_process
from models.core.seeds import derive_seed
from models.data.sources import find_data
from models.data.splits import Split, split_by
from models.networks.logged_network import Inspection, inspect_model
from models.spaces.source import Source
from models.tasks.task import task_of
from search.commands.replay import source_of
from search.driver.store_errors import StoreError, explain
from search.tracking.descriptions import note_inspection
from search.tracking.logged_models import fetch_model
from search.tracking.logged_trials import LoggedTrial, fetch_confusions, fetch_evidence, read_trial
from search.tracking.mlflow_internals import replace_folder
from search.tracking.own_run import note_run
from search.tracking.tracking_store import tracking_ui

MADE, WRONG = 0, 1
DATA_FOLDER, PAGE = "data", "inspect.html"
_SAMPLED = 2000  # rows whose hidden activations are drawn: t-SNE of more rows takes long, and its points overlap
_ROUNDING = 1e-5  # relative difference that is allowed between the logged error of a regression and the new one


@dataclass(frozen=True)
class Wanted:
    """The options of `inspect`, as the user wrote them."""

    run_id: str
    part: str
    """The part of the data that single images or rows come from."""
    versus: str | None = None
    """The run of another trial on the same data."""
    classes: str | None = None
    """Two classes, as in `3-8`."""
    dataset: str | None = None
    """Where the data are now, if they were moved."""


@dataclass(frozen=True)
class _Subject:
    """A trial whose network is inspected, with its data and what the pictures show beside the network."""

    trial: LoggedTrial
    data_name: str
    split: Split
    part: str
    pair: tuple[int, int] | None
    """Two classes whose confusions are shown."""
    other: Versus | VersusResiduals | None
    """The errors of another trial, which the trial is compared with."""


class _WrongModel(Exception):
    """The logged model cannot be run, or is not the network that was scored; `tag` says which on the run."""

    def __init__(self, verdict: str, tag: str) -> None:
        super().__init__(verdict)
        self.tag = tag


def inspect_run(wanted: Wanted, own_run: str | None, console: Console) -> int:
    """`python -m search inspect`.

    Returns:
        MADE, or WRONG when the logged model does not give the scores that were logged, or pictures cannot be kept.

    Raises:
        ConfigError: bad input; nothing has been made.
    """
    subject = _read(wanted)
    trial = subject.trial
    try:
        found = _run_model(subject, console)
    except _WrongModel as error:
        console.print(str(error), markup=False, highlight=False)
        _note(own_run, trial, str(error), error.tag)
        return WRONG
    data_pictures = data_section(subject.split, subject.data_name)
    epochs, objective = by_epoch(trial.epochs), str(trial.split["objective"])
    kept = int(trial.final[names.BEST_EPOCH])
    sections = [network_section(found.layers, epochs, kept, trial.config.monitor, _title(trial), objective)]
    sections += _of_outputs(subject, found)
    try:
        where = _attach(trial, data_pictures, sections, _top(trial))
    except StoreError as error:
        console.print(f"the pictures are not kept: {explain(error)}", markup=False)
        return WRONG
    count = sum(len(section.pictures) for section in [data_pictures, *sections])
    said = f"the logged model gives the logged scores; {count} pictures and {PAGE} are on the run"
    console.print(f"{said}:\n{where}/{PAGE}", markup=False, highlight=False, soft_wrap=True)
    ui = tracking_ui()
    if ui is not None:
        console.print(f"{ui}/{trial.link(INSPECTED)}", markup=False, highlight=False, soft_wrap=True)
    _note(own_run, trial, said, "made")
    return MADE


def _read(wanted: Wanted) -> _Subject:
    if wanted.part not in SCORED_PARTS:
        raise ConfigError(f"part must be one of {', '.join(SCORED_PARTS)}, got {wanted.part!r}")
    trial = _read_network("run_id", wanted.run_id)
    other = None if wanted.versus is None else _read_other(trial, wanted.versus)
    data = find_data(trial.dataset_location, trial.data_sha256, wanted.dataset)
    split = split_by(data, **trial.split)
    pair = _read_pair(wanted.classes, split)
    return _Subject(trial, data.name, split, wanted.part, pair, None if other is None else _errors_of(other, split))


def _run_model(subject: _Subject, console: Console) -> Inspection:
    """What the logged model computes on the data, once its scores are those that were logged; raises _WrongModel."""
    trial, split = subject.trial, subject.split
    with tempfile.TemporaryDirectory() as folder:
        model = fetch_model(trial, Path(folder))
        console.print(f"inspecting {trial.title}: run {trial.run_id}", highlight=False)
        seed = derive_seed(trial.seed, "inspect")
        source, why = _classes_of(trial)
        try:
            with console.status("running it"):
                found = _in_worker(model, split, subject.part, _SAMPLED, seed, source)
        except (BrokenProcessPool, ValueError, OSError) as error:
            verdict = f"the logged model of {trial.title} cannot be run: {in_one_line(error)}{why}"
            raise _WrongModel(verdict, states.FAILED) from None
    wrong = contradictions(trial, found, split)
    if wrong:
        verdict = f"NOT the network that was scored: the logged model of {trial.title} gives {'; '.join(wrong)}"
        raise _WrongModel(verdict, "contradicted")
    return found


def _read_network(option: str, run_id: str) -> LoggedTrial:
    trial = read_trial(run_id, refits=True)
    if trial.split["folds"]:
        raise ConfigError(
            f"{option} must be that of a trial with a network of its own, got {trial.title}, which is cross-validated: "
            "its study's refit has one"
        )
    return trial


def _read_other(trial: LoggedTrial, versus: str) -> LoggedTrial:
    other = _read_network("versus", versus)
    if other.data_sha256 != trial.data_sha256:
        raise ConfigError(
            f"versus must be a trial on the same data, whose sha256 is {trial.data_sha256[:16]}..., got {other.title} "
            f"on {other.data_sha256[:16]}..."
        )
    return other


def _errors_of(other: LoggedTrial, split: Split) -> Versus | VersusResiduals:
    if split.n_classes:
        return Versus(_title(other), fetch_confusions(other)["test"])
    return VersusResiduals(_title(other), fetch_evidence(other)["test"])


def _read_pair(text: str | None, split: Split) -> tuple[int, int] | None:
    if text is None:
        return None
    n_classes = split.n_classes
    if not n_classes:
        raise ConfigError(f"classes belong to a classification, got {text!r} for numbers to predict")
    named = re.fullmatch(r"([0-9]+)-([0-9]+)", text, re.ASCII)
    pair = (int(named[1]), int(named[2])) if named else (0, 0)
    if pair[0] == pair[1] or max(pair) >= n_classes:
        raise ConfigError(f"classes must be two different ones of 0 to {n_classes - 1}, as in 0-1, got {text!r}")
    return pair


def _classes_of(trial: LoggedTrial) -> tuple[Source | None, str]:
    """The source with the classes of a network of the user's own; if unusable, the reason, after a semicolon."""
    try:
        return source_of(trial, trust=False), ""
    except ConfigError as error:
        return None, f"; {str(error).splitlines()[0]}"


def _in_worker(*arguments: Any) -> Inspection:
    """Calls `inspect_model` in a process of its own, which may import TensorFlow and is set up as for training."""
    context = multiprocessing.get_context("forkserver")
    with ProcessPoolExecutor(1, mp_context=context, initializer=prepare_process) as pool:
        return pool.submit(inspect_model, *arguments).result()


def _of_outputs(subject: _Subject, found: Inspection) -> list[Section]:
    """The sections that show the network's answers beside the truth, and the outputs of its hidden layers."""
    split, part, title = subject.split, subject.part, _title(subject.trial)
    if split.n_classes:
        versus = subject.other if isinstance(subject.other, Versus) else None
        errors = errors_section(predictions_of(found, split), split, part, subject.pair, versus, title)
        return [errors, inside_section(found, split, part, title)]
    task = task_of(split.target)
    evidence = {name: task.evidence(split.labels[name], found.outputs[name]) for name in SCORED_PARTS}
    residuals = subject.other if isinstance(subject.other, VersusResiduals) else None
    errors = regression_sections.residuals_section(
        evidence, subject.trial.final, title, split=split, part=part, versus=residuals
    )
    return [errors, regression_sections.inside_section(found, split, part, title)]


def contradictions(trial: LoggedTrial, found: Inspection, split: Split) -> list[str]:
    """The scores of the model that differ from those on the run; if there are any, another network was scored.

    Accuracies must agree to the last bit, since they count rows. Errors of a regression are sums of numbers, and a
    processor that adds in another order gives other last bits.
    """
    task, said = task_of(split.target), []
    metric, rounding = (names.ACCURACY, 0.0) if split.n_classes else (names.RMSE, _ROUNDING)
    for part in SCORED_PARTS:
        again = task.scores(split.labels[part], found.outputs[part], 0.0, (metric,))[metric]
        name = names.PREFIXES[part] + metric
        logged = trial.final.get(name)
        if logged is None or not abs(again - logged) <= rounding * abs(logged):
            said.append(f"{name} {again!r} where {logged!r} was logged")
    return said


def _top(trial: LoggedTrial) -> list[str]:
    """The first lines of the page: parameters, run, seed, weights and versions."""
    parameters = ", ".join(f"{name} {value}" for name, value in trial.config.parameters().items())
    versions = ", ".join(f"{name} {version}" for name, version in trial.environment.items())
    return [
        f"{parameters}.",
        f"Run {trial.run_id}, seed {trial.seed}, weights {trial.weights_sha256[:16]}..., trained with {versions}.",
        *([] if trial.deterministic else [NOT_DETERMINISTIC]),
    ]


def _attach(trial: LoggedTrial, data: Section, sections: Sequence[Section], top: Sequence[str]) -> str:
    """Puts all pictures on the trial's run, and those of the data on the study's run too; where the page lies."""
    files = section_files(sections) | {PAGE: sections_page(_title(trial), top, [data, *sections]).encode()}
    files |= {f"{each.name}.png": each.png for each in data.pictures}
    replace_folder(trial.parent_run_id, DATA_FOLDER, {f"{each.name}.png": each.png for each in data.pictures})
    where = replace_folder(trial.run_id, INSPECTED, files)
    note_inspection(trial.run_id, f"{INSPECTED}/{PAGE}")
    return where


def _note(own_run: str | None, trial: LoggedTrial, said: str, tag: str) -> None:
    if own_run is not None:
        link = f"[{trial.title}]({trial.link()})"
        tags = {"inspect_of": trial.run_id, "inspect": tag}
        note_run(
            own_run, f"inspection of {trial.title}", f"{said}\n\nInspected: {link}, artifacts `{INSPECTED}/`.", tags
        )


def _title(trial: LoggedTrial) -> str:
    return f"{trial.study} {'refit of ' if trial.refit else ''}trial {trial.number}"
