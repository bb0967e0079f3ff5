"""What the description of a trial's run says: its score, its place in the study, and where its pictures are."""

from collections.abc import Iterable, Mapping

from mlflow import MlflowClient
from mlflow.entities import Run
from mlflow.utils.mlflow_tags import MLFLOW_RUN_NOTE

from analysis.reading.mlflow_client import children_found
from analysis.reading.table import TrialTable
from models.core import names, states
from models.core.rounding import plain_score
from models.tasks.objective import Objective
from search.tracking.parent_run import ParentRun
from search.tracking.records import run_tags
from search.tracking.ui_internals import run_link, trials_link

PLACED = 100
"""How many trials of a study say their place: each description is a write of its own, of a hundredth of a second."""


def description(
    tags: Mapping[str, str],
    scores: Mapping[str, float],
    objective: Objective,
    experiment_id: str,
    run_id: str,
    parent_id: str,
    place: str = "",
) -> str:
    """The description as Markdown, all of it from what the run has; `place` as "3 of 12 complete trials"."""
    said = []
    if names.REFIT_OF_RUN in tags:
        link = run_link(experiment_id, tags[names.REFIT_OF_RUN])
        said.append(f"Trained on all of the training part: the best of [the trials]({link}).")
    if names.PREVIOUS_ATTEMPT in tags:
        link, before = run_link(experiment_id, tags[names.PREVIOUS_ATTEMPT]), int(tags[names.ATTEMPT]) - 1
        said.append(f"Trial {tags[names.TRIAL_NUMBER]} again: [attempt {before}]({link}).")
    if tags.get(names.STATE) == states.COMPLETE and objective.name in scores:
        reached = f"Validation {objective.label} {plain_score(scores[objective.name])}"
        if objective.test_name in scores:
            reached += f", test {objective.label} {plain_score(scores[objective.test_name])}"
        said.append(f"{reached}.")
    elif tags.get(names.STATE_REASON):
        said.append(f"{tags.get(names.STATE, '').capitalize()}: {tags[names.STATE_REASON]}.")
    if names.TRIAL_NUMBER in tags:
        study = f"[all trials, the best first]({trials_link(experiment_id, parent_id)})"
        said.append(f"Place {place}: {study}." if place else f"Its place: {study}.")
    if tags.get(names.PICTURE):
        said.append(f"Picture: [{tags[names.PICTURE]}]({run_link(experiment_id, run_id, tags[names.PICTURE])}).")
    return "\n\n".join(said)


def note_places(parent: ParentRun, table: TrialTable) -> None:
    """Has the best PLACED trials say their place, and those that said one before and lost it."""
    ranked = table.ranked[names.RUN_ID].tolist()
    places = {run_id: f"{place} of {len(ranked)} complete trials" for place, run_id in enumerate(ranked[:PLACED], 1)}
    client, objective = MlflowClient(), table.objective
    for run in _to_say(client, parent, places):
        place = places.get(run.info.run_id, "")
        tags = {names.PLACE: place.partition(" ")[0]}
        tags[MLFLOW_RUN_NOTE] = description(
            run.data.tags, run.data.metrics, objective, parent.experiment_id, run.info.run_id, parent.id, place
        )
        known = run.data.tags
        fresh = {key: value for key, value in tags.items() if known.get(key, "") != value}
        if fresh:
            client.log_batch(run.info.run_id, tags=run_tags(fresh))


def _to_say(client: MlflowClient, parent: ParentRun, best: Iterable[str]) -> list[Run]:
    """The runs whose place is to be said or taken back."""
    placed = {run.info.run_id: run for run in children_found(client, parent.run, f"tags.{names.PLACE} LIKE '_%'")}
    return [*placed.values(), *(client.get_run(run_id) for run_id in best if run_id not in placed)]
