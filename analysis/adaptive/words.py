"""Sentences and cells about an adaptive search, for the page, the terminal and the description of the run."""

from __future__ import annotations

from analysis.adaptive.gain import Gain
from analysis.adaptive.replicates import Replicates
from analysis.estimates.curves import Point
from analysis.estimates.notes import counted
from analysis.reading.table import TrialTable
from analysis.report.sentences import digits_for, found_sentence, quoted, range_of, validation_score
from models.core.rounding import plain_score

NO_CURVE = (
    "There is no curve of the best of N: each trial was drawn by the scores of earlier trials, so trials do not stand "
    "for each other. Only whole searches are independent."
)
OBSERVED = (
    "The best validation score so far in each search, as observed; another search would have another curve. The shaded "
    "trials were drawn at random."
)


def headline(found: Replicates) -> str:
    """The trial found, then what one whole search reaches."""
    return f"{found_sentence(found.all_trials)} {reached(found)}"


def reached(found: Replicates) -> str:
    """What the searches reached, and where another search would end."""
    label, count = found.all_trials.objective.label, len(found.searches)
    if found.val is None:
        left = sum(one.finished < found.each for one in found.searches)
        return (
            f"The results of the {count} searches are told once all are finished; {left} are not. The first to finish "
            "are the fast ones, so their results alone would be biased."
        )
    what = f"the best of {counted(found.each)} by {found.sampler.upper()}"
    if found.val.low is not None or found.val.high is not None:
        return f"In {count} independent searches {what} reached a validation {label} of {quoted(found.val)} on average."
    values = ", ".join(plain_score(value) for value in sorted(found.values))
    if count == 1:
        return (
            f"One search: {what} was observed at validation {label} {values}; another search may reach another score."
        )
    side, end = ("below", "lowest") if found.all_trials.direction == "maximize" else ("above", "highest")
    return (
        f"In {count} independent searches {what} reached a validation {label} of {values}. Another such search on the "
        f"same data split ends {side} the {end} of them with a probability of at most 1/{count + 1}."
    )


def tested(found: Replicates) -> str:
    """The test scores of the searches' best trials; empty where they are not known."""
    if found.test is None or len(found.searches) < 2:
        return ""
    values = [one.test for one in found.searches if one.test is not None]
    if found.test.low is not None:
        return f"The trials that the searches chose have a test score of {quoted(found.test)} on average."
    least, most = plain_score(min(values)), plain_score(max(values))
    return f"The trials that the searches chose have test scores from {least} to {most}."


def by_chance(found: Replicates, random: int) -> str:
    """How many searches have their best trial among the first `random` trials, which looked at no score; else empty."""
    early = [one for one in found.searches if one.number is not None and one.number // len(found.searches) < random]
    if not early:
        return ""
    return (
        f"In {len(early)} of {len(found.searches)} searches the best trial is one of the {random} that were drawn at "
        f"random: {found.sampler.upper()} found no better one there."
    )


def sentences(found: Replicates, random: int) -> list[str]:
    """All sentences about the searches; the first `random` trials of each search looked at no score."""
    return [sentence for sentence in (reached(found), tested(found), by_chance(found, random), NO_CURVE) if sentence]


def search_rows(table: TrialTable, found: Replicates) -> list[list[str]]:
    """A row a replicate: its number, finished trials, best trial, and that trial's validation and test score."""
    return [
        [
            str(one.replicate),
            f"{one.finished} of {found.each}",
            "-" if one.number is None else str(one.number),
            validation_score(table, one.val),
            "-" if one.test is None else plain_score(one.test),
        ]
        for one in found.searches
    ]


def search_head(table: TrialTable) -> list[str]:
    """The heads of the columns of `search_rows`."""
    label = table.objective.label
    return ["search", "trials", "its best trial", f"validation {label} (chosen by it)", f"test {label}"]


def quote(table: TrialTable, found: Replicates) -> str:
    """The sentence for a paper."""
    label, count = table.objective.label, len(found.searches)
    space = "; ".join(range_of(table, name) for name in table.searched)
    reach = ", ".join(plain_score(value) for value in sorted(found.values))
    if found.val is not None and found.val.low is not None:
        reach = f"{quoted(found.val)} on average"
    test = found.found.test
    searches = f"R = {count} independent {found.sampler.upper()} searches of {counted(found.each)} each"
    if count == 1:
        searches = f"one {found.sampler.upper()} search of {counted(found.each)}"
    best = "" if test is None else f"; the best of all, chosen on validation, has a test {label} of {quoted(test)}"
    return (
        f"Of {searches}{f' ({space})' if space else ''}, the best trial reaches a validation {label} of {reach} "
        f"(chosen by it, so optimistic){best}."
    )


def gain_sentences(gain: Gain, label: str) -> list[str]:
    """The gain as reported, and on fresh seeds."""
    why = "" if gain.reported.low is not None else f" (no interval: {gain.reported.why})"
    reported = (
        f"As reported: the gain of the best of {counted(gain.trials)} of a search here over the best of as many trials "
        f"of {gain.random}, on average, is {_signed(gain.reported)} of validation {label}{why}. Both sides chose by "
        "that score, so part of the gain is chance."
    )
    if gain.on_fresh_seeds is None:
        fresh = "The gain on fresh seeds is not known: -e confirm of both studies trains their best trials again."
    else:
        fresh = (
            f"On fresh seeds and on test: the gain of the network found here over the network that {gain.random} found "
            f"is {_signed(gain.on_fresh_seeds)}. This gain compares two networks, not two samplers."
        )
    return [reported, fresh]


def _signed(point: Point) -> str:
    """The value with its sign and its interval, if it has one."""
    digits = digits_for(None if point.low is None or point.high is None else (point.high - point.low) / 2, point.value)
    if point.low is None or point.high is None:
        return f"{point.value:+.{digits}f}"
    return f"{point.value:+.{digits}f} [{point.low:+.{digits}f}, {point.high:+.{digits}f}]"
