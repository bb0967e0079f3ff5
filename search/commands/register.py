"""`python -m search register`: puts a trial's network into MLflow's model registry, with the numbers to quote."""

import json
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rich.console import Console

from analysis.estimates.best_of_n import CONFIDENCE
from analysis.estimates.proportions import clopper_pearson
from analysis.reading.table import TrialTable
from analysis.reading.usage import loading
from analysis.report.sentences import tested_score
from models.core import names
from models.core.rounding import plain_score
from search.command_line.console import make_console
from search.command_line.described import parser_of
from search.command_line.exit_codes import COMPLETE, run_command

if TYPE_CHECKING:  # MLflow is imported once the command line is read
    from search.tracking.logged_trials import LoggedTrial


def register(run_id: str, name: str, own_run: str | None, console: Console) -> int:
    """`python -m search register`. `run_id` is that of a trial, of a refit, or of a study, whose best network is meant.

    Raises:
        ConfigError: bad input; nothing has been made.
    """
    from analysis.reading.mlflow_studies import read_mlflow
    from search.tracking.logged_models import CHAMPION, register_model
    from search.tracking.logged_trials import best_network_of, read_trial
    from search.tracking.mlflow_internals import check_model_name
    from search.tracking.own_run import note_run

    check_model_name(name)
    trial = read_trial(best_network_of(run_id) or run_id, refits=True)
    table = read_mlflow(trial.study, parent_run_id=trial.parent_run_id)
    words = _words(table, trial)
    version, new = register_model(trial, name, _tags(table, trial), words)
    said = f"{words}\n{name} version {version}{'' if new else ' (registered before)'}, alias {CHAMPION}"
    study = f"study = search.load({json.dumps(table.study)})"
    lines = loading(table, f"models:/{name}@{CHAMPION}")
    load = "\n".join([study, *lines] if table.own_network else lines)
    console.print(f"{said}\nload it:\n{load}", markup=False, highlight=False, soft_wrap=True)
    if own_run is not None:
        note = f"{said}\n\n```\n{load}\n```"
        note_run(own_run, f"registration of {trial.title}", note, {"registered": f"{name}/{version}"})
    return COMPLETE


def _tags(table: TrialTable, trial: "LoggedTrial") -> dict[str, object]:
    """What the version of the model says of its network: scores, place among the trials, data, weights and study."""
    return {
        names.STUDY: trial.study,
        names.TRIAL_NUMBER: trial.number,
        **_scores(table, trial.final),
        **_chosen_from(table, trial.number),
        names.DATA_SHA256: trial.data_sha256,
        names.WEIGHTS_SHA256: trial.weights_sha256,
        names.SAMPLER: table.sampler,
        names.STUDY_SEED: trial.study_seed,
        names.PARENT_RUN_ID: trial.parent_run_id,
    }


def _words(table: TrialTable, trial: "LoggedTrial") -> str:
    """The sentence that describes the network and its scores."""
    objective, test = table.objective, trial.final.get(table.objective.test_name)
    reached = f"validation {objective.label} {plain_score(trial.final[objective.name])} (chosen by it: optimistic)"
    reached += f", test {objective.label} {tested_score(table, test)}" if test is not None else ""
    return f"{trial.title[0].upper()}{trial.title[1:]}: {reached}; from {len(table.frame)} trials."


def _scores(table: TrialTable, final: Mapping[str, float]) -> dict[str, object]:
    """The objective on validation and on test; for an accuracy, also the interval of this network on test."""
    objective = table.objective
    found: dict[str, object] = {name: final[name] for name in (objective.name, objective.test_name) if name in final}
    if objective.proportion and table.test_rows and objective.test_name in final:
        low, high = clopper_pearson(final[objective.test_name], table.test_rows, CONFIDENCE)
        found |= {objective.test_name + names.LOW: low, objective.test_name + names.HIGH: high}
    return found


def _chosen_from(table: TrialTable, number: int) -> dict[str, object]:
    """The trial's place among the complete trials; for the best one, also the number of trials it was chosen from."""
    place = 1 + table.ranked[names.NUMBER].tolist().index(number)
    return {names.PLACE: f"{place} of {len(table.ranked)}"} | ({names.BEST_OF: len(table.frame)} if place == 1 else {})


def main(arguments: Sequence[str]) -> int:
    def act() -> int:
        given = parser_of("register").read(arguments)
        return register(given["run_id"], given["as"], os.environ.get("MLFLOW_RUN_ID"), make_console())

    return run_command(act)
