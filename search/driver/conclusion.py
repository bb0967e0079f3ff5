"""The end of a search: tables, headline and report on the parent run, and the last words to the user."""

import hashlib
import tempfile
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

from rich.console import Console

from analysis.command_line.program import Program
from analysis.reading import usage
from analysis.reading.addresses import without_secrets
from analysis.reading.cv_results import cv_results
from analysis.reading.mlflow_studies import read_all
from analysis.reading.table import TrialTable
from models.core import names, states
from models.tasks.objective import Baselines
from search.driver.driver import Ended
from search.driver.store_errors import StoreError, explain
from search.driver.summary import Summary, summarise
from search.stores.optuna_attempts import OptunaAttempt
from search.study.plan import Plan
from search.study.settings import MOST_SEED, StudySettings
from search.tracking.descriptions import note_places
from search.tracking.parent_run import ParentRun


def conclude(
    parent: ParentRun,
    plan: Plan,
    ended: Ended,
    finished: Collection[int],
    console: Console,
    with_report: bool = True,
    baselines: Callable[[], Baselines] | None = None,
) -> Summary | None:
    """Writes trials.csv, attempts.csv, the headline and the report to the parent, and closes it.

    `finished` are the plan numbers of finished trials. A finished trial that the table lacks has lost its run to
    MLflow's trash: the console says so. Where the user waits for the end, the report is left out (`with_report`): its
    figures take seconds, and the next session draws them. `baselines` fits the baselines that the headline names.

    Returns:
        The headline. None while no trial is complete or the tracking store is away; the console says which.
    """
    try:
        parent.note_stop(ended.stopped_at)
        if baselines is not None:
            parent.note_baselines(baselines())
        table, attempts = read_all(parent.study, parent_run_id=parent.id)
        trials_csv = table.frame.to_csv(index=False)
        parent.attach({"trials.csv": trials_csv, "attempts.csv": attempts.to_csv(index=False)})
        _say_what_is_gone(table, ended, finished, console)
        if table.folds:
            parent.attach({"cv_results.csv": cv_results(table).to_csv(index=False)})
        parent.show_trials(table.objective, table.tested, plan.searched)
        note_places(parent, table)
        summary = summarise(table, plan)
        refit = table.refit.run_id if table.refit is not None else ""
        digest = hashlib.sha256((trials_csv + refit).encode()).hexdigest()
        if summary is not None and not parent.has_report_of(digest):
            _write_headline(parent, summary, digest, with_report)
        parent.close("FINISHED" if ended.complete else "FAILED")
    except StoreError as error:
        console.print(f"there is no table: {explain(error)}", markup=False)
        return None
    if summary is None:
        console.print("no trial is complete: there is nothing to report yet")
    return summary


def _say_what_is_gone(table: TrialTable, ended: Ended, finished: Collection[int], console: Console) -> None:
    gone = sorted(set(finished) - set(table.frame[names.NUMBER].tolist()) - _beyond(ended, finished))
    if gone:
        console.print(
            f"the runs of trials {ranges(gone)} are deleted in MLflow, though they are finished: the table and the "
            "estimates lack them; the doctor brings them back with repair=true",
            markup=False,
        )


def _write_headline(parent: ParentRun, summary: Summary, digest: str, with_report: bool) -> None:
    """Writes the headline to the parent, and the report of the trials table that has this digest."""
    reported = with_report and (summary.estimates is not None or summary.replicates is not None)
    links = [f"[All trials, the best first]({parent.trials_link})"]
    if reported:
        links.append(f"[the report]({parent.link(parent.id, 'report/report.html')})")
    note = f"{summary.note(parent.link)}\n\n{', '.join(links)}"
    parent.summarise(summary.curve, summary.scores, summary.runs, note, len(summary.table.frame))
    if reported:
        from analysis.adaptive.report import write_study_report

        with tempfile.TemporaryDirectory() as folder:
            parent.attach(paths=write_study_report(summary.table, Path(folder)), folder="report")
        parent.set_report_of(digest)


def failures_words(attempts: Sequence[OptunaAttempt], link: Callable[[str], str]) -> str:
    """Why trials failed: the commonest reason, how many, and one run to look at; an empty text where none did.

    `link` gives the address of a run.
    """
    ended = [each for each in attempts if each.final]
    failed = [each for each in ended if each.state == states.FAILED]
    if not failed:
        return ""
    reason, count = Counter(each.reason for each in failed).most_common(1)[0]
    example = next(each.run_id for each in failed if each.reason == reason)
    who = "all" if len(failed) == len(ended) else f"{len(failed)} of"
    why = "" if count == len(failed) else f"{count} of them "
    return (
        f"{who} {len(ended)} trials failed, {why}with the reason {reason!r}; for instance run {example}, whose "
        f"failure.txt says more: {link(example or '')}"
    )


def ranges(numbers: Sequence[int]) -> str:
    """Ascending numbers as text, consecutive numbers joined: `0-3, 7`."""
    known = set(numbers)
    starts = [number for number in numbers if number - 1 not in known]
    ends = [number for number in numbers if number + 1 not in known]
    return ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in zip(starts, ends, strict=True))


def _beyond(ended: Ended, finished: Collection[int]) -> set[int]:
    """The finished numbers beyond the trial at which the stop rule ended the search: the table leaves them out."""
    return set() if ended.stopped_at is None else {number for number in finished if number >= ended.stopped_at}


def print_missing(ended: Ended, console: Console) -> None:
    """Prints why the search ended and what is missing; of a complete search nothing."""
    for line in _missing(ended):
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def _missing(ended: Ended) -> list[str]:
    lines = [f"ended: {ended.reason}"] if ended.reason else []
    if ended.without_refit:
        lines.append(f"the best configuration is not refitted yet: {ended.without_refit}")
    if ended.missing or ended.undelivered:
        lines.append(f"{ended.missing} trials are missing, {ended.undelivered} wait in the outbox")
    return lines


def next_steps(
    settings: StudySettings,
    given: Mapping[str, str],
    ended: Ended,
    table: TrialTable | None,
    program: Program,
    trials_url: str = "",
) -> list[str]:
    """What to type next, in lines: `given` are this command's options, `program` started it, `table` has the trials.

    A search without a complete trial has no `table`. It is neither extended nor begun anew: its configurations would
    fail again.
    """
    shown = {key: without_secrets(text) for key, text in given.items()}
    lines = _missing(ended)
    if not ended.complete:
        lines.append("the same command goes on where this one ended")
    elif not ended.trained:
        lines.append("all trials were finished already: nothing was trained")
    if ended.complete and table is not None:
        if settings.population is None or settings.trials < settings.population:
            lines.append(f"extend it:    {program.command('', {**shown, 'trials': _more(settings)})}")
        other = (settings.seed + 1) % (MOST_SEED + 1)
        lines.append(f"start anew:   {program.command('', {**shown, 'name': settings.name + '-2', 'seed': other})}")
    if table is not None and table.network_logged:
        best = {"run_id": table.network_run_id}
        lines.append(f"its network:  {program.command('inspect', best)}")
        lines.append(f"register it:  {program.command('register', {**best, 'as': settings.name})}")
    lines.append(f"look at it:   {program.command('ui', {key: shown[key] for key in ('storage',) if key in shown})}")
    if trials_url:
        lines.append(f"its trials:   {trials_url}")
    if table is not None:
        lines += ["", f"{usage.TITLE}:", *usage.lines(table)]
    return lines


def _more(settings: StudySettings) -> int:
    """Twice the trials, or all configurations where there are fewer."""
    return min(settings.trials_each * 2, settings.population or settings.trials_each * 2)
