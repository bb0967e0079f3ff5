"""Descriptions of trials' runs: the score, the place in the study, and links to the pictures."""

from collections.abc import Iterable, Mapping

from mlflow import MlflowClient
from mlflow.entities import Run
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID, MLFLOW_RUN_NOTE

from analysis.reading.mlflow_client import children_found
from analysis.reading.table import TrialTable
from models.core import names, states
from models.core.rounding import plain_score
from models.tasks.objective import Objective
from search.tracking.parent_run import ParentRun
from search.tracking.records import run_tags
from search.tracking.ui_internals import run_link, trials_link

PLACED = 100
"""How many trials of a study say their place. Each description is one write, which takes a hundredth of a second."""


def description(tags: Mapping[str, str], scores: Mapping[str, float], experiment_id: str, run_id: str = "") -> str:
    """The description as Markdown, from the run's tags and scores alone."""
    objective = Objective(tags.get(names.OBJECTIVE, names.VAL_ACCURACY))
    said = []
    if names.REFIT_OF_RUN in tags:
        link = run_link(experiment_id, tags[names.REFIT_OF_RUN])
        said.append(f"Trained on all of the training part: the best of [the trials]({link}).")
    if names.PREVIOUS_ATTEMPT in tags:
        link = run_link(experiment_id, tags[names.PREVIOUS_ATTEMPT])
        said.append(f"Runs again what [the attempt before]({link}) lost.")
    if tags.get(names.STATE) == states.COMPLETE and objective.name in scores:
        reached = f"Validation {objective.label} {plain_score(scores[objective.name])}"
        if objective.test_name in scores:
            reached += f", test {objective.label} {plain_score(scores[objective.test_name])}"
        said.append(f"{reached}.")
    elif tags.get(names.STATE_REASON):
        said.append(f"{tags.get(names.STATE, '').capitalize()}: {tags[names.STATE_REASON]}.")
    if names.TRIAL_NUMBER in tags:
        study = f"[all trials, the best first]({trials_link(experiment_id, tags[MLFLOW_PARENT_RUN_ID])})"
        place = tags.get(names.PLACE)
        said.append(f"Place {place} complete trials: {study}." if place else f"Its place: {study}.")
    pictures = [tags[name] for name in (names.PICTURE, names.INSPECTION) if tags.get(name)]
    if pictures:
        links = ", ".join(f"[{file}]({run_link(experiment_id, run_id, file)})" for file in pictures)
        said.append(f"Pictures: {links}.")
    return "\n\n".join(said)


def note_places(parent: ParentRun, table: TrialTable) -> None:
    """Writes the place into the descriptions of the best PLACED trials, and of trials that had a place before."""
    ranked = table.ranked[names.RUN_ID].tolist()
    places = {run_id: f"{place} of {len(ranked)}" for place, run_id in enumerate(ranked[:PLACED], 1)}
    client = MlflowClient()
    for run in _to_say(client, parent, places):
        _say(client, run, {names.PLACE: places.get(run.info.run_id, "")})


def note_inspection(run_id: str, page: str) -> None:
    """Links the page of pictures that an inspection made, an artifact, in the trial's description."""
    client = MlflowClient()
    _say(client, client.get_run(run_id), {names.INSPECTION: page})


def _to_say(client: MlflowClient, parent: ParentRun, best: Iterable[str]) -> list[Run]:
    """The runs whose place is to be written or removed."""
    placed = {run.info.run_id: run for run in children_found(client, parent.run, f"tags.{names.PLACE} LIKE '_%'")}
    new = ", ".join(f"'{run_id}'" for run_id in best if run_id not in placed)
    found = children_found(client, parent.run, f"attributes.run_id IN ({new})") if new else ()
    return [*placed.values(), *found]


def _say(client: MlflowClient, run: Run, tags: Mapping[str, str]) -> None:
    """Writes tags, and the description that follows from them, where they differ from the run's."""
    known, run_id = run.data.tags, run.info.run_id
    note = description({**known, **tags}, run.data.metrics, run.info.experiment_id, run_id)
    fresh = {key: value for key, value in {**tags, MLFLOW_RUN_NOTE: note}.items() if known.get(key, "") != value}
    if fresh:
        client.log_batch(run_id, tags=run_tags(fresh))
