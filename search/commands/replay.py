"""`python -m search replay`: trains a trial again from its child run alone, and compares both bit for bit."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from analysis.command_line.options import flag, said
from analysis.estimates.notes import NOT_DETERMINISTIC
from models.core import names, states
from models.core.config import OwnConfig
from models.core.results import EpochReport, FoldsResult, TrialFailed, TrialResult
from models.core.runtime import PROJECT
from models.core.seeds import trial_seed
from models.data.sources import find_data
from models.data.splits import Split, split_by
from models.spaces.source import Source
from models.tasks.metrics import bare_name
from search.command_line.console import make_console
from search.command_line.described import parser_of
from search.command_line.exit_codes import run_command
from search.tracking.logged_studies import trusted_source
from search.tracking.logged_trials import LoggedTrial, read_trial
from search.tracking.mlflow_internals import git_commit
from search.tracking.own_run import note_run

Replayed = TrialResult | FoldsResult | TrialFailed

EQUAL, DIFFERENT = 0, 1
_SHOWN = 20  # differences in the table; the later ones follow from the first


@dataclass(frozen=True)
class Difference:
    """A value that the replay does not reproduce."""

    name: str
    epoch: int | None
    logged: str
    replayed: str


def source_of(logged: LoggedTrial, trust: bool) -> Source | None:
    """The source of the trial's network if the network is the user's own; raises as `trusted_source`."""
    if not isinstance(logged.config, OwnConfig):
        return None
    where = logged.parent_run_id, logged.network, logged.callbacks
    return trusted_source(*where, logged.config.source_sha256, trust)


def replay(logged: LoggedTrial, split: Split, source: Source | None, report: Callable[[EpochReport], None]) -> Replayed:
    """Trains the trial again in this process, with the threads and the device of the process that trained it."""
    from models.core.runtime import gpus, prepare_process, use_gpu

    found = () if logged.environment.get("device", "cpu") == "cpu" else gpus()
    prepare_process(int(logged.environment.get("threads", "1")))
    if logged.environment.get("device", "cpu") != "cpu":
        use_gpu(found)
    from models.training.cross_validation import run_of, train
    from models.training.trial import prepare

    try:
        return train(run_of(logged.config, source, logged.number), prepare(split), logged.seed, report)
    except TrialFailed as failure:
        return failure


def find_differences(logged: LoggedTrial, split: Split, replayed: Replayed) -> list[Difference]:
    """All differences between the run and its replay, and between the run's own tags."""
    seed, config_hash = trial_seed(logged.study_seed, logged.number), logged.config.hash()
    found = [
        *_differing(None, {"seed": str(logged.seed)}, {"seed": str(seed)}),
        *_differing(None, {names.CONFIG_HASH: logged.config_hash}, {names.CONFIG_HASH: config_hash}),
        *_differing(None, logged.rows, {f"{part}_rows": str(split.rows(part)) for part in split.labels}),
    ]
    if isinstance(replayed, TrialFailed):
        return [*found, Difference(names.STATE, None, states.COMPLETE, f"failed ({replayed})")]
    newer = newer_metrics(logged, replayed)
    again = {
        (name, each.epoch): [value]
        for each in replayed.history
        for name, value in each.metrics.items()
        if bare_name(name) not in newer
    }
    compared = {name for name, _ in again} | set(replayed.metrics)
    before = {place: values for place, values in logged.epochs.items() if place[0] in compared}
    for name, epoch in sorted(again.keys() | before.keys(), key=lambda place: (place[1], place[0])):
        old, new = _shown(before.get((name, epoch), [])), _shown(again.get((name, epoch), []))
        found += _differing(epoch, {name: old}, {name: new})
    for name, value in replayed.metrics.items():
        if name.endswith("seconds") or bare_name(name) in newer:
            continue
        old = _shown([logged.final[name]] if name in logged.final else [])
        found += _differing(None, {name: old}, {name: _shown([float(value)])})
    return found + _differing(
        None, {names.WEIGHTS_SHA256: logged.weights_sha256}, {names.WEIGHTS_SHA256: replayed.weights_sha256}
    )


def newer_metrics(logged: LoggedTrial, replayed: TrialResult | FoldsResult) -> set[str]:
    """The metrics that the project measures now and, by the trial's run, on no part of the data when the trial ran."""
    known = {bare_name(name) for name in (*(name for name, _ in logged.epochs), *logged.final)}
    return {bare_name(name) for name in replayed.scores if bare_name(name) not in known}


def replay_run(run_id: str, dataset: str | None, own_run: str | None, console: Console, trust: bool = False) -> int:
    """`python -m search replay`.

    Returns:
        EQUAL when every epoch's metrics, the scores and the weights are bit-equal to those logged, else DIFFERENT.

    Raises:
        ConfigError: the run holds no complete trial, or its data cannot be read.
    """
    logged = read_trial(run_id)
    data = find_data(logged.dataset_location, logged.data_sha256, dataset)
    split = split_by(data, **logged.split)
    source = source_of(logged, trust)
    console.print(f"training {logged.title} again: run {run_id}, seed {logged.seed}", highlight=False)
    with console.status("preparing") as status:

        def report(epoch: EpochReport) -> None:
            status.update(f"epoch {epoch.epoch} of {logged.config.epochs}")

        replayed = replay(logged, split, source, report)
    found = find_differences(logged, split, replayed)
    verdict = _verdict(logged, replayed, found)
    console.print(verdict, markup=False, highlight=False)
    if not logged.deterministic:
        console.print(NOT_DETERMINISTIC, markup=False, highlight=False)
    if found:
        console.print(_table(found))
        if len(found) > _SHOWN:
            console.print(f"and {len(found) - _SHOWN} more")
    _print_environment(logged, bool(found), console)
    if own_run is not None:
        link = f"[{logged.title}]({logged.link})"
        tags = {"replay_of": run_id, "replay": "different" if found else "bit-equal"}
        note_run(own_run, f"replay of {logged.title}", f"{verdict}\n\nReplayed: {link}.", tags)
    return DIFFERENT if found else EQUAL


def _differing(epoch: int | None, before: Mapping[str, str], now: Mapping[str, str]) -> list[Difference]:
    compared = [*before, *(name for name in now if name not in before)]
    return [
        Difference(name, epoch, before.get(name) or "-", now.get(name) or "-")
        for name in compared
        if before.get(name) != now.get(name)
    ]


def _shown(values: Sequence[float]) -> str:
    """The values written exactly: different doubles give different texts."""
    return " and ".join(repr(value) for value in values)


def _verdict(logged: LoggedTrial, replayed: Replayed, found: Sequence[Difference]) -> str:
    if isinstance(replayed, TrialFailed):
        return f"{logged.title} failed this time: {replayed}"
    if found:
        return f"{logged.title} differs from its run in {len(found)} {'place' if len(found) == 1 else 'places'}"
    newer = newer_metrics(logged, replayed)
    epochs, metrics = len(replayed.history), sum(bare_name(n) not in newer for n in replayed.history[0].metrics)
    scores = sum(bare_name(name) not in newer for name in replayed.scores)
    without = f"; metrics newer than the trial were not compared: {', '.join(sorted(newer))}" if newer else ""
    return (
        f"bit-equal: {epochs} epochs of {metrics} metrics, {scores} scores and the weights "
        f"({replayed.weights_sha256[:16]}...){without}"
    )


def _table(found: Sequence[Difference]) -> Table:
    shown = Table()
    shown.add_column("what", no_wrap=True)
    shown.add_column("epoch", justify="right")
    shown.add_column("logged", overflow="fold")
    shown.add_column("replayed", overflow="fold")
    for each in found[:_SHOWN]:
        shown.add_row(each.name, "" if each.epoch is None else str(each.epoch), each.logged, each.replayed)
    return shown


def _print_environment(logged: LoggedTrial, different: bool, console: Console) -> None:
    """Prints the versions that differ, or that none differs although the results do."""
    from models.core.runtime import environment

    before, now = {"device": "cpu"} | dict(logged.environment), environment()
    commit = git_commit(PROJECT)
    if logged.commit and commit:
        before, now = before | {"project": logged.commit}, now | {"project": commit}
    changed = _differing(None, before, now)
    if changed:
        console.print("versions at training and now:")
        shown = Table()
        for column in ("", "then", "now"):
            shown.add_column(column, overflow="fold")
        for each in changed:
            shown.add_row(each.name, each.logged, each.replayed)
        console.print(shown)
    elif different:
        console.print(f"{', '.join(before)} are the same as at training", highlight=False)


def main(arguments: Sequence[str]) -> int:
    def act() -> int:
        given = parser_of("replay").read(arguments)
        own_run, trust = os.environ.get("MLFLOW_RUN_ID"), flag("trust", given["trust"])
        return replay_run(given["run_id"], said(given, "dataset"), own_run, make_console(), trust)

    return run_command(act)
