"""kill -9 in each situation that a study can be in, from its first trial to its repair: the end is the undisturbed one.

    python -m pytest -m slow -s tests/faults/test_kills_of_cases.py

kills 200 times in one run, over all cases together, and prints how many kills landed where in each.
"""

import os
import shutil
import sys
import time
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from tests.faults.cases import CASES, assert_ends_well, copied, prepare, reference_of
from tests.faults.killing import Disturbed, Kill, kills_of

KILLS = int(os.environ.get("FAULTS_KILLS", "200"))


def end_well(name: str, home: Path, empty_stores: tuple[Path, Path], seed: int) -> list[Kill]:
    """Kills the case's command as it says, in a folder below `home`, which keeps the undisturbed study."""
    case, before, reference = CASES[name], home / "before", home / "undisturbed"
    if not reference.exists():
        before.mkdir(parents=True)
        for store in empty_stores:
            shutil.copy(store, before)
        prepare(case, before)
        reference.mkdir()
        left_in_peace = reference_of(case, copied(before, reference))
        assert left_in_peace is None or left_in_peace.wait(timeout=300) == 0
    disturbed = home / f"disturbed-{seed}"
    disturbed.mkdir()
    copied(before, disturbed)
    if case.broken is not None:
        case.broken(disturbed)
    search = Disturbed(disturbed, case.command, seed)
    search.run(case.kinds)
    assert search.codes[-1] == 0, search.log[-3000:]
    assert "Traceback" not in search.log, search.log[search.log.index("Traceback") - 500 :][:3000]
    assert_ends_well(case, disturbed, reference)
    return kills_of(search.entries)


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_killed_in_any_situation_a_study_ends_as_undisturbed(
    tmp_path: Path, empty_stores: tuple[Path, Path], name: str
) -> None:
    kills = end_well(name, tmp_path / "case", empty_stores, seed=1)
    say(f"{name}: {len(kills)} kills: {', '.join(kill.kind for kill in kills)}")
    assert len(kills) >= len(CASES[name].kinds) - 2, kills


@pytest.mark.slow
def test_two_hundred_kills_over_all_situations(tmp_path: Path, empty_stores: tuple[Path, Path]) -> None:
    landed: defaultdict[str, Counter[str]] = defaultdict(Counter)
    seed = 0
    while sum(each.total() for each in landed.values()) < KILLS:
        seed += 1
        for place, name in enumerate(CASES):
            began = time.monotonic()
            kills = end_well(name, tmp_path / str(place), empty_stores, seed)
            landed[name] += Counter(kill.kind for kill in kills)
            say(f"{name}: {len(kills)} kills, as undisturbed, {time.monotonic() - began:.0f} s")
    for name, kinds in landed.items():
        say(f"{name}: {kinds.total()} kills: {', '.join(f'{kind} {count}' for kind, count in kinds.most_common())}")
    say(f"{sum(each.total() for each in landed.values())} kills in all")
    assert all(kinds.total() >= seed for kinds in landed.values())


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
