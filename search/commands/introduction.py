"""What a study says of itself in both stores before its first trial runs."""

import json

from analysis.estimates.notes import NOT_DETERMINISTIC
from analysis.reading.mlflow_client import baselines_of
from models.core import names
from search.commands.preparation import Search
from search.study.settings import START_UP
from search.tracking.growth import keep_space
from search.tracking.logged_studies import NETWORK_FOLDER
from search.tracking.parent_run import ParentRun


def introduce(search: Search, parent: ParentRun) -> None:
    """Describes the study on its parent run: data, settings, baselines, plan and study file.

    `search.baselines` receives the baselines that an earlier session has logged.
    """
    settings, plan = search.settings, search.plan
    parent.describe(search.dataset, search.split, _facts(search))
    parent.resolve(_resolved(search))
    parent.show_trials(search.objective, not settings.folds, plan.searched)
    search.baselines.update(baselines_of(parent.run))
    parent.note_baselines(search.baselines)
    parent.attach({"plan.csv": plan.csv, "study.yaml": settings.to_yaml()})
    if search.space is not None and settings.source is not None:
        files = {f"{NETWORK_FOLDER}/{name}": text for name, text in settings.source.texts}
        parent.attach({**keep_space(search.space, settings, search.options.storage), **files})


def note_for_optuna(search: Search, parent: ParentRun, ui_url: str) -> str:
    """The study's note in the Optuna dashboard, as Markdown: what is searched, and links into the MLflow UI."""
    settings = search.settings
    paragraphs = (
        f"**{settings.name}**: {settings.sampler} sampler, seed {settings.seed}, {search.plan.size} trials.",
        settings.description,
        "" if settings.deterministic else NOT_DETERMINISTIC,
        f"[The trials in MLflow, the best first]({ui_url}/{parent.trials_link}), "
        f"[the study's own run]({ui_url}/{parent.link(parent.id)})",
    )
    return "\n\n".join(paragraphs)


def _facts(search: Search) -> dict[str, object]:
    """The settings and the size of the plan, as tags of the parent run."""
    settings = search.settings
    facts: dict[str, object] = {
        names.SAMPLER: settings.sampler,
        names.SEED: settings.seed,
        names.PLANNED_TRIALS: search.plan.size,
        "pruner": settings.pruner,
        names.TARGETS: json.dumps(settings.targets),
    }
    adaptive = {} if not settings.replicates else {
        names.REPLICATES: settings.replicates, names.START_UP: min(START_UP, settings.trials_each),
    }  # fmt: skip
    grid = {names.GRID_SIZE: settings.population} if settings.sampler == "grid" else {}
    return facts | settings.split | settings.network_tags | grid | adaptive


def _resolved(search: Search) -> dict[str, object]:
    """The study's values of the options that `mlflow run` has logged as left to the study."""
    settings = search.settings
    trial = search.plan.trials[0].config.parameters()
    return {
        names.SAMPLER: settings.sampler,
        names.SEED: settings.seed,
        names.DATASET: search.dataset.name,
        names.TASK: search.dataset.target.task,
        "pruner": settings.pruner,
        **settings.split,
        names.OBJECTIVE: search.objective.name,
        **{name: value for name, value in trial.items() if name not in search.plan.searched},
    }
