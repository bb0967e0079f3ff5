"""What the parent run and the person get when a search ends."""

import hashlib
import tempfile
from pathlib import Path

from rich.console import Console

from analysis.report import write_report
from analysis.trials import attempts_frame, read_mlflow
from search.driver import Ended
from search.settings import StudySettings
from search.summary import print_summary, summarise
from search.tracking import Tracking, TrackingError


def conclude(settings: StudySettings, tracking: Tracking, ended: Ended, console: Console) -> None:
    """Writes trials.csv, attempts.csv, the headline and the report to the parent, closes it, and prints the table."""
    try:
        table = read_mlflow(settings.name)
        attempts = attempts_frame(settings.name)
        trials_csv = table.frame.to_csv(index=False)
        tracking.attach({"trials.csv": trials_csv, "attempts.csv": attempts.to_csv(index=False)})
        summary = summarise(table, settings.searched)
        if summary is not None:
            best = str(summary.best["run_id"])
            tracking.summarise(summary.curve, best, summary.note(tracking.child_link(best)))
            digest = hashlib.sha256(trials_csv.encode()).hexdigest()
            if not tracking.has_report_of(digest):
                with tempfile.TemporaryDirectory() as folder:
                    tracking.attach(paths=write_report(table, Path(folder)), folder="report")
                tracking.set_report_of(digest)
        tracking.close_parent("FINISHED" if ended.complete else "FAILED")
    except TrackingError as error:
        console.print(f"the tracking store does not answer, so there is no table: {error}", markup=False)
        return
    if summary is None:
        console.print("no trial is complete: there is nothing to report yet")
    else:
        print_summary(summary, console)


def print_next_steps(settings: StudySettings, ended: Ended, under_mlflow: bool, console: Console) -> None:
    def command(**parameters: object) -> str:
        if under_mlflow:
            return "mlflow run . " + " ".join(f"-P {key}={value}" for key, value in parameters.items())
        return "python -m search " + " ".join(f"--{key} {value}" for key, value in parameters.items())

    say = lambda text: console.print(text, markup=False, highlight=False, soft_wrap=True)  # noqa: E731
    say("")
    if ended.reason:
        say(f"stopped: {ended.reason}")
    if not ended.complete:
        say(f"{ended.missing} trials are missing, {ended.undelivered} wait for the tracking store")
        say("the same command goes on where this one ended")
    elif not ended.trained:
        say("all trials were finished already: nothing was trained")
    if ended.complete:
        study = settings.source
        say(f"extend it:    {command(study=study, trials=settings.trials * 2)}")
        say(f"start anew:   {command(study=study, name=settings.name + '-2', seed=settings.seed + 1)}")
    say(f"look at it:   {'mlflow run . -e ui' if under_mlflow else 'python -m search.ui'}")
