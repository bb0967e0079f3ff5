"""A study read back from its parent run in MLflow: its settings, and the user's own network. Nothing here writes."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from mlflow import MlflowClient

from analysis.reading.addresses import in_one_line
from analysis.reading.mlflow_client import parents_found
from models.core import names
from models.core.errors import ConfigError
from models.spaces.source import Source, read_source, source_of_texts
from search.study.draws import make_plan
from search.study.growing import TrialEnd
from search.study.own_space import OwnSpace
from search.study.plan import Plan
from search.study.replicates import Replicates
from search.study.settings import StudySettings
from search.study.study_file import settings_of
from search.tracking.tracking_store import TrackingError
from search.tracking.ui_internals import has_view, runs_link, trials_link

STUDY_FILE, SPACE_FILE, NETWORK_FOLDER = "study.yaml", "own_space.json", "network"
"""Names of artifacts of the parent run."""
_MOST_LINES = 40  # of changes that a refusal shows
_AGAIN = "the search's own command, run again, writes it"


@dataclass(frozen=True)
class LoggedStudy:
    """A study as its parent run describes it."""

    settings: StudySettings
    space: OwnSpace | None
    """The space that the user's own network asks for; None of other networks."""

    def plan(self, direction: str, results: Mapping[int, TrialEnd]) -> Plan:
        """The study's plan. Of an adaptive study, the trials that can be drawn from `results`, by number."""
        growing = self.growing(direction, results)
        return (
            make_plan(self.settings, self.space.rows if self.space is not None else ())
            if growing is None
            else growing.plan
        )

    def growing(self, direction: str, results: Mapping[int, TrialEnd]) -> Replicates | None:
        """What draws an adaptive study's plan, told `results`; None of other studies, which are drawn as a whole."""
        return Replicates(self.settings, direction, results) if self.settings.replicates else None


def newest_studies(most: int) -> list[tuple[str, str]]:
    """The names of the newest studies, newest first, each with the path of its trials in MLflow's UI."""
    client = MlflowClient()
    found = sorted(parents_found(client), key=lambda run: -int(run.info.start_time))[:most]
    links = []
    for run in found:
        experiment, run_id = client.get_experiment(run.info.experiment_id), run.info.run_id
        shown = has_view(experiment.tags, run_id)  # studies of earlier versions have no view
        link = trials_link(experiment.experiment_id, run_id) if shown else runs_link(experiment.experiment_id)
        links.append((str(run.data.tags.get(names.STUDY, "")), link))
    return links


def read_study(run_id: str, name: str, planned: int = 0) -> LoggedStudy:
    """The study of a parent run, with `planned` trials where its file says fewer.

    Raises:
        ConfigError: the run lacks an artifact that the search attaches, or cannot be read.
    """
    settings = settings_of(_text(run_id, STUDY_FILE), name)
    settings = replace(settings, trials=max(planned, settings.trials))
    if not settings.network:
        return LoggedStudy(settings, None)
    settings = replace(settings, source=logged_source(run_id, settings.network, settings.callbacks))
    space = OwnSpace.from_json(_text(run_id, SPACE_FILE), settings)
    if space is None:
        raise ConfigError(f"{SPACE_FILE} among the parent run's artifacts must be its network's; {_AGAIN}")
    return LoggedStudy(space.applied(settings), space)


def logged_source(run_id: str, network: str, callbacks: str = "") -> Source:
    """The files of a network as the study's run keeps them: text that is not executed.

    `network` and `callbacks` are FILE.py:NAME with their folders, as the study has them.
    """
    file, _, function = network.rpartition(":")
    with TemporaryDirectory() as folder:
        try:
            kept = Path(MlflowClient().download_artifacts(run_id, NETWORK_FOLDER, folder))
            texts = {
                str(PurePosixPath(path.relative_to(kept))): path.read_text(encoding="utf-8")
                for path in sorted(kept.rglob("*"))
                if path.is_file()
            }
        except (*TrackingError, UnicodeDecodeError) as error:
            raise ConfigError(
                f"the study's run must have its network's files as {NETWORK_FOLDER}/ among its artifacts, got: "
                f"{in_one_line(error)}; {_AGAIN}"
            ) from None
    kept_callbacks = str(PurePosixPath(callbacks).relative_to(PurePosixPath(file).parent)) if callbacks else ""
    return source_of_texts(PurePosixPath(file).name, function, texts, kept_callbacks)


def trusted_source(run_id: str, network: str, callbacks: str, sha256: str, trust: bool) -> Source:
    """The source of a trial's network that may be executed: the user's own file, or with `trust` the logged copy.

    Raises:
        ConfigError: the user's file is gone or has changed, and `trust` does not allow the copy.
    """
    if trust:
        source = logged_source(run_id, network, callbacks)
        if source.hash != sha256:
            raise ConfigError(
                f"the logged copy of {network} must be the network's source, {sha256[:16]}..., and is not"
            )
        return source
    try:
        source = read_source(network, callbacks=callbacks)
    except ConfigError as error:
        raise ConfigError(
            f"a trial's network is built by the file at hand: {error}; trust=true runs the copy on the study's run"
        ) from None
    if source.hash != sha256:
        raise ConfigError(
            f"{network} must be what it was when the trial was trained ({names.SOURCE_SHA256} {sha256[:16]}...), got "
            f"{source.hash[:16]}...; trust=true runs the copy on the study's run{source_changes(run_id, source)}"
        )
    return source


def source_at_hand(parent_run_id: str) -> Source:
    """The network of the study with this parent run, from the user's own files; raises as `trusted_source`."""
    tags = MlflowClient().get_run(parent_run_id).data.tags
    return trusted_source(
        parent_run_id, tags[names.NETWORK], tags.get(names.CALLBACKS, ""), tags[names.SOURCE_SHA256], trust=False
    )


def source_changes(run_id: str | None, source: Source | None) -> str:
    """The lines in which `source` differs from the copy on the study's run, after a line break.

    Empty where nothing differs or there is no copy: the refusal that shows these lines is complete without them.
    """
    if run_id is None or source is None:
        return ""
    try:
        before = dict(logged_source(run_id, str(source)).texts)
    except ConfigError:
        return ""
    lines: list[str] = []
    for name in sorted(before.keys() | dict(source.texts).keys()):
        old, new = (texts.get(name, "").splitlines() for texts in (before, dict(source.texts)))
        lines += difflib.unified_diff(old, new, f"{name} (logged)", f"{name} (at hand)", lineterm="", n=1)
    more = [f"and {len(lines) - _MOST_LINES} lines more"] if len(lines) > _MOST_LINES else []
    return "".join(f"\n{line}" for line in (*lines[:_MOST_LINES], *more))


def _text(run_id: str, name: str) -> str:
    try:
        with TemporaryDirectory() as folder:
            path = MlflowClient().download_artifacts(run_id, name, folder)
            return Path(path).read_text(encoding="utf-8")
    except (*TrackingError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"the parent run must have {name} among its artifacts, got: {in_one_line(error)}; {_AGAIN}"
        ) from None
