"""The runs of an MLflow experiment as trials, in the order in which they started, read through MLflow's public API."""

from __future__ import annotations

from mlflow.entities import Run, ViewType
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient, get_tracking_uri
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID

from analysis.foreign.trials import ForeignStudy, ForeignTrial
from analysis.reading.addresses import in_one_line, shown_address, sqlite_file
from analysis.reading.mlflow_client import runs_found
from models.core import names, states
from models.core.suggestions import did_you_mean, listed

_STATES = {"FINISHED": states.COMPLETE, "FAILED": states.FAILED, "KILLED": states.FAILED}


def read_experiment(experiment: str, tracking_uri: str | None = None) -> ForeignStudy:
    """The runs of the experiment with this name or ID; where runs are nested, only the nested ones.

    Raises:
        ValueError: there is no such tracking store or experiment, the experiment has no runs, or its runs are studies
            of this project.
    """
    uri = tracking_uri or get_tracking_uri()
    file = sqlite_file(uri)
    if file is not None and not file.is_file():
        raise ValueError(f"--mlflow is read from a tracking store that exists, got {shown_address(uri)!r}")
    client = MlflowClient(tracking_uri)
    try:
        known = {found.name: found.experiment_id for found in client.search_experiments()}
        id_ = known.get(experiment, experiment if experiment in known.values() else None)
        if id_ is None:
            raise ValueError(
                f"--mlflow is an experiment's name or ID, one of {listed(known)}, got {experiment!r}"
                f"{did_you_mean(experiment, known)}"
            )
        runs = list(runs_found(client, [id_], ""))
        deleted = sum(1 for _ in runs_found(client, [id_], "", ViewType.DELETED_ONLY))
    except MlflowException as error:
        raise ValueError(f"--mlflow is read from a tracking store that answers, got: {in_one_line(error)}") from None
    if any(names.PLAN_HASH in run.data.tags for run in runs):
        raise ValueError(f"{experiment!r} has studies of this project, which --study reads by their names")
    below = [run for run in runs if MLFLOW_PARENT_RUN_ID in run.data.tags]
    chosen = sorted(below or runs, key=lambda run: (run.info.start_time, run.info.run_id))
    if not chosen:
        raise ValueError(f"an experiment has runs, got {experiment!r} with none")
    return ForeignStudy(
        name=experiment,
        source="an MLflow experiment",
        trials=tuple(_trial(number, run) for number, run in enumerate(chosen)),
        deleted=deleted,
    )


def _trial(number: int, run: Run) -> ForeignTrial:
    state = _STATES.get(run.info.status, states.RUNNING)
    ended = run.info.end_time
    return ForeignTrial(
        number=number,
        state=state,
        parameters=dict(run.data.params),
        metrics=dict(run.data.metrics),
        reason=states.INTERRUPTED if run.info.status == "KILLED" else "",
        seconds=(ended - run.info.start_time) / 1000 if ended else float("nan"),
        where=run.info.run_id,
    )
