"""kill -9 of every process of a search, at seeded random moments and at named points: no trial lost, none twice.

The whole form, 200 kills over repeated 60-trial searches, takes half an hour:

    python -m pytest -m slow -s tests/faults/test_kills.py

It prints how many kills landed where, what they cost and how many rows came out equal.
"""

import random
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.faults.checks import assert_in_order, assert_nothing_wasted, assert_same_trials, read_stores
from tests.faults.killing import ANYWHERE, OF_A_CLUSTER, Disturbed, Kill, kills_of, undisturbed
from tests.faults.start import POINTS
from tests.models.made_up import images, penguins
from tests.project import PROJECT

EPOCHS = 4
STUDY = """
sampler: random
trials: {trials}
seed: 5
space:
  width: [8, 16, 24]
  learning_rate: {{low: 1e-3, high: 1e-2, log: true}}
training: {{epochs: {epochs}, batch_size: 2, dropout: 0.2}}
{data}
"""
KILLS = 200
_A_SEARCH = 20  # kills planned for a search of 60 trials

Folder = Callable[[str], Path]


@pytest.fixture
def folder(tmp_path: Path, empty_stores: tuple[Path, Path]) -> Folder:
    """Makes a folder with empty stores in it for a search of its own."""

    def make(name: str) -> Path:
        made = tmp_path / name
        made.mkdir()
        for store in empty_stores:
            shutil.copy(store, made)
        return made

    return make


def write_study(folder: Path, trials: int, data: str = "") -> Path:
    path = folder / "digits.yaml"
    path.write_text(STUDY.format(trials=trials, epochs=EPOCHS, data=data))
    return path


def check(search: Disturbed, reference_folder: Path) -> tuple[list[Kill], int]:
    """Everything that must hold after the last resume. Returns the kills and the epochs that they cost."""
    assert search.codes[-1] == 0, search.log[-3000:]
    assert set(search.codes) <= {0, 1}
    assert "Traceback" not in search.log, search.log[search.log.index("Traceback") - 500 :][:3000]
    stores = read_stores(search.folder, "digits")
    assert_in_order(stores)
    assert_same_trials(stores, read_stores(reference_folder, "digits"))
    extra = assert_nothing_wasted(search, stores, EPOCHS)
    return kills_of(search.entries), extra


def test_killed_again_and_again_a_search_ends_with_the_undisturbed_table(folder: Folder) -> None:
    study = write_study(folder("study"), trials=12)
    reference = folder("undisturbed")
    other = undisturbed(reference, ["--study", str(study)], workers=0)
    search = Disturbed(folder("disturbed"), ["--study", str(study)], seed=1, cluster=True)
    try:
        search.run(["worker", *POINTS, "driver at its start", "driver"])
        assert other.wait(timeout=120) == 0
    finally:
        other.kill()
        other.wait()
    kills, _ = check(search, reference)
    assert any(kill.mid_trial for kill in kills)
    assert len(kills) >= 6, kills


def ends_as_undisturbed(
    folder: Folder, study: Path, seed: int, seconds: float, kinds: Sequence[str] = ("worker", POINTS[0], "driver")
) -> None:
    """Kills by `kinds`, in their order, beside an undisturbed search that may take `seconds`."""
    reference = folder("undisturbed")
    other = undisturbed(reference, ["--study", str(study)], workers=0)
    search = Disturbed(folder("disturbed"), ["--study", str(study)], seed=seed)
    try:
        search.run(list(kinds))
        assert other.wait(timeout=seconds) == 0
    finally:
        other.kill()
        other.wait()
    kills, _ = check(search, reference)
    assert len(kills) >= len(kinds) - 1, kills


def numbers(folder: Path) -> str:
    return "data: {dataset: diabetes, leave_out: sex}\nobjective: val_mae"


def table(folder: Path) -> str:
    penguins().to_csv(folder / "birds.csv", index=False)
    return "data: {dataset: birds.csv, target: species, class_weight: balanced}\nobjective: val_auc"


def pictures(folder: Path) -> str:
    images(folder / "pets")
    return "data: {dataset: pets}"


@pytest.mark.parametrize("data", [pytest.param(data, marks=pytest.mark.slow) for data in (numbers, table, pictures)])
def test_a_search_of_data_of_any_kind_ends_with_the_undisturbed_table(
    folder: Folder, data: Callable[[Path], str]
) -> None:
    home = folder("study")
    ends_as_undisturbed(folder, write_study(home, 5, data(home)), seed=2, seconds=120)


@pytest.mark.parametrize(
    "network", ["hypermodel.py:Digits", pytest.param("cnn.py:build_model", marks=pytest.mark.slow)]
)
def test_a_search_of_a_network_of_the_users_own_ends_with_the_undisturbed_table(folder: Folder, network: str) -> None:
    study = folder("study") / "digits.yaml"
    own = f"network: '{PROJECT}/examples/{network}'"
    study.write_text(f"{{sampler: random, trials: 6, seed: 5, {own}, training: {{epochs: {EPOCHS}}}}}")
    ends_as_undisturbed(folder, study, seed=3, seconds=180)


ADAPTIVE = """
{{sampler: tpe, replicates: {replicates}, trials: {each}, seed: 5, training: {{epochs: {epochs}, batch_size: 16}},
space: {{width: [8, 16, 24], learning_rate: {{low: 1.0e-3, high: 1.0e-1, log: true}}, dropout: {{low: 0.0, high: 0.5}}}}
}}
"""


@pytest.mark.parametrize(
    ("replicates", "each", "kinds"),
    [
        (2, 12, ("worker", POINTS[0], "driver")),
        pytest.param(
            3, 15, ("worker", *POINTS, "driver", "worker", "driver at its start", "driver"), marks=pytest.mark.slow
        ),
    ],
)
def test_a_search_by_tpe_ends_with_the_undisturbed_table(
    folder: Folder, replicates: int, each: int, kinds: Sequence[str]
) -> None:
    """Its trials follow from results: a kill must neither lose one of them nor change which trials follow."""
    study = folder("study") / "digits.yaml"
    study.write_text(ADAPTIVE.format(replicates=replicates, each=each, epochs=EPOCHS))
    ends_as_undisturbed(folder, study, seed=4, seconds=180, kinds=kinds)


@pytest.mark.slow
def test_two_hundred_kills_over_sixty_trial_searches(folder: Folder) -> None:
    study = write_study(folder("study"), trials=60)
    reference = folder("undisturbed")
    assert undisturbed(reference, ["--study", str(study)], workers=1).wait(timeout=900) == 0
    landed: list[Kill] = []
    searches = rows = extra = 0
    while len(landed) < KILLS:
        choose = random.Random(searches)
        cluster = searches % 4 != 0  # the rest, on worker processes of the search's own, take three times as long
        search = Disturbed(folder(f"search-{searches}"), ["--study", str(study)], seed=searches, cluster=cluster)
        search.run(kinds(choose, cluster))
        kills, cost = check(search, reference)
        assert any(kill.mid_trial for kill in kills)
        landed += kills
        searches, rows, extra = searches + 1, rows + 60, extra + cost
        say(f"search {searches}: {len(kills)} kills, {cost} epochs of killed attempts, 60 rows equal")
        shutil.rmtree(search.folder)
    report(landed, searches, rows, extra)
    assert {kill.kind for kill in landed} == {*ANYWHERE, *OF_A_CLUSTER}


def kinds(choose: random.Random, cluster: bool) -> list[str]:
    """Kinds of kills for one search: every named point, and as many workers as drivers."""
    some = [*POINTS, *["worker"] * 6, *["driver"] * 5, "driver at its start"]
    some += ["nanny", "nanny", "scheduler"] if cluster else ["worker", "worker", "driver"]
    choose.shuffle(some)
    return some


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def report(landed: Sequence[Kill], searches: int, rows: int, extra: int) -> None:
    say(f"\n{len(landed)} kills in {searches} searches of 60 trials")
    for kind, count in Counter(kill.kind for kill in landed).most_common():
        cost = sum(len(kill.in_flight) for kill in landed if kill.kind == kind)
        middle = sum(kill.mid_trial for kill in landed if kill.kind == kind)
        say(f"  {kind:40} {count:4}  mid-trial {middle:4}  attempts in flight {cost:4}")
    lost = sum(len(kill.in_flight) for kill in landed)
    say(f"mid-trial: {sum(kill.mid_trial for kill in landed)}; attempts in flight at the kills: {lost}")
    say(f"epochs trained beyond the undisturbed searches': {extra} (at most {lost * EPOCHS} were in flight)")
    say(f"rows equal bit for bit: {rows} of {rows}; left running: 0; in the outbox: 0; duplicates: 0; gaps: 0")
