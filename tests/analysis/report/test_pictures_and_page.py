"""Figures, the page, and the command line, from one trial to hundreds."""

import io
import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from analysis.__main__ import run
from analysis.estimates.best_of_n import best_of_n
from analysis.figures.confusion import confusion_picture
from analysis.figures.curves import gap_curve, median_steps, tuning_curve
from analysis.figures.style import png, spaced
from analysis.looks.groups import grouped, logarithmic, ordered
from analysis.page.elements import Heading
from analysis.reading.table import TrialTable
from analysis.report.contents import ReportOptions, make_report
from analysis.report.page import report_parts
from analysis.report.writing import write_report
from tests.analysis.made_up import scored, table_of

MakeTable = Callable[..., TrialTable]
ROOT = Path(__file__).parents[3]


def pixels(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


def confusion(k: int, n: int = 400) -> np.ndarray:
    random = np.random.default_rng(k)
    truth = random.integers(k, size=n)
    guess = np.where(random.random(n) < 0.9, truth, random.integers(k, size=n))
    return np.asarray(np.bincount(truth * k + guess, minlength=k * k).reshape(k, k))


def picture_of(matrix: np.ndarray, labels: Sequence[str], title: str) -> bytes:
    return confusion_picture({"validation": matrix, "test": matrix}, labels, title)


@pytest.mark.parametrize("k", [1, 2, 3, 10, 37, 100])
def test_the_confusion_picture_draws_any_number_of_classes(k: int) -> None:
    labels = [f"a rather long class name {c}" for c in range(k)]
    picture = pixels(picture_of(confusion(k), labels, "trial 3 $x$ of a study"))
    assert picture.shape == pixels(picture_of(confusion(2), "ab", "t")).shape
    assert len(np.unique(picture)) > 20


def test_the_confusion_picture_shows_rows_as_truth() -> None:
    """All of class 0 taken for class 2: the dark cell is at the top right of the first panel."""
    counts = np.array([[0, 0, 90], [0, 90, 0], [0, 0, 90]])
    grey = pixels(picture_of(counts, "abc", "t")).mean(axis=2)
    top, left, cell = 96, 110, 160
    corner = [grey[top + cell * r + 20, left + cell * c + 20] for r in range(3) for c in range(3)]
    assert (np.array(corner) < 120).reshape(3, 3).tolist() == (counts > 0).tolist()


def test_an_empty_confusion_matrix_and_wrong_shapes() -> None:
    nothing = np.zeros((3, 3), dtype=int)
    assert picture_of(nothing, "abc", "no images")
    with pytest.raises(ValueError, match=r"K x K for K labels: got shape \(3, 3\), K = 2"):
        picture_of(nothing, "ab", "t")
    with pytest.raises(ValueError, match="counts >= 0"):
        picture_of(nothing - 1, "abc", "t")


def test_the_confusion_picture_is_fast_and_works_in_threads() -> None:
    matrix = confusion(10)
    expected = picture_of(matrix, "0123456789", "warm")
    started = time.process_time()
    for _ in range(5):
        picture_of(matrix, "0123456789", "warm")
    assert (time.process_time() - started) / 5 < 0.3  # 0.06 s where it was measured
    found: list[bytes] = []
    threads = [
        threading.Thread(target=lambda: found.append(picture_of(matrix, "0123456789", "warm"))) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 3


@pytest.mark.parametrize("m", [1, 2, 5, 30, 300])
def test_the_curves_are_drawn_for_any_pool(make_table: MakeTable, m: int) -> None:
    result = best_of_n(make_table(m, failed=0.1), spaced(m))
    for drawn in (tuning_curve(result).png, png(median_steps(result)), png(gap_curve(result))):
        assert pixels(drawn).std() > 5


@pytest.mark.parametrize(
    "table",
    [
        scored([1.0] * 30),
        scored([0.0] * 30),
        scored([1.0, 0.0] * 15),
        table_of([{"state": "failed", "state_reason": "diverged"}] * 12),
        table_of([{"state": "pruned"}] * 3 + [{"val_accuracy": 0.9, "test_accuracy": 0.8}] * 9),
        scored([0.5, 0.6], sampler="list"),
        scored([0.5, 0.6, 0.7, 0.8], sampler="grid", grid_size=4),
    ],
)
def test_odd_pools_have_a_report(table: TrialTable, tmp_path: Path) -> None:
    files = write_report(make_report(table), tmp_path)
    assert {"tuning_curve.png", "median.png", "gap.png", "best_of_n.json", "report.html"} <= {f.name for f in files}


class Outside(HTMLParser):
    """Collects whatever a page would fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.pictures = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("src", "href") and value and value.startswith("data:image/png;base64,"):
                self.pictures += 1
            elif name in ("src", "href") and not (value or "").startswith("#"):
                self.fetched.append(f"{tag} {value}")


def test_the_page_opens_offline_and_says_what_it_rests_on(make_table: MakeTable, tmp_path: Path) -> None:
    table = make_table(120, failed=0.05)
    table = replace(table, study="<b>mine</b> & yours")
    versus = replace(make_table(60, seed=3), study="other")
    repeats = [{"val_accuracy": 0.9, "test_accuracy": 0.9, "confirms": "3"} for _ in range(3)]
    report = make_report(table, ReportOptions(at=[5, 10], versus=versus, confirm=table_of(repeats)))
    files = write_report(report, tmp_path / "new" / "folder")
    names = {file.name for file in files}
    assert {"importance.png", "pareto.png", "parallel_coordinates.png", "boxes.png"} <= names
    text = (tmp_path / "new/folder/report.html").read_text(encoding="utf-8")
    page = Outside()
    page.feed(text)
    assert page.fetched == []
    assert page.pictures == len(report.pictures)
    described = (ROOT / "docs/results.md").read_text(encoding="utf-8")
    assert [name for name in report.pictures if f"| `{name}` |" not in described] == []
    assert not re.search("fetch|XMLHttp|import|http(?!://www.w3.org/2000/svg)", text[text.rindex("<script>") :])
    assert "<b>mine" not in text
    assert "url(" not in text
    for fact in ("sampler random", "seed 7", "data abababababab", "M = 120 trials", "Second look", "At equal seconds"):
        assert fact in text
    plain = json.loads((tmp_path / "new/folder/best_of_n.json").read_text())
    assert set(plain["curves"]["best_val"]) == {"5", "10"}


def test_no_word_of_a_reports_picture_is_cut(make_table: MakeTable) -> None:
    """The outermost pixels are white: a word that is cut would reach them."""
    table = replace(make_table(120, failed=0.05), study="a study of a long name, " * 3)
    for picture in make_report(table).pictures.values():
        drawn = pixels(picture.png)
        for border in (drawn[:2], drawn[-2:], drawn[:, :2], drawn[:, -2:]):
            assert border.min() > 250, picture.name


def test_scales_are_logarithmic_where_values_crowd_at_the_low_end() -> None:
    random = np.random.default_rng(4)
    assert logarithmic(10 ** random.uniform(-4, -1, 200))
    assert not logarithmic(random.uniform(0.0001, 0.5, 200))
    assert not logarithmic(np.array([0.0, 1.0, 100.0]))


def test_groups_are_values_or_ranges(make_table: MakeTable) -> None:
    frame = make_table(100).frame
    width = grouped(frame["params.width"], frame["val_accuracy"])
    assert [name for name, _ in width] == ["32", "128", "400-300"]
    dropout = grouped(frame["params.dropout"], frame["val_accuracy"])
    assert [len(scores) for _, scores in dropout] == [25, 25, 25, 25]
    assert ordered(frame["params.width"])[-1] == "400-300"


def test_the_command_writes_what_it_says(make_table: MakeTable, tmp_path: Path) -> None:
    make_table(40).frame.to_csv(tmp_path / "trials.csv", index=False)
    options = [
        "--trials",
        str(tmp_path / "trials.csv"),
        "--sampler",
        "random",
        "--at",
        "4,8",
        "--target",
        "0.97",
        "--out",
    ]
    written = run([*options, str(tmp_path / "out")])
    assert tmp_path / "out/report.html" in written
    assert all(file.is_file() for file in written)
    assert {file.name for file in written} == {file.name for file in (tmp_path / "out").iterdir()}


def test_bad_input_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    scored([0.5, 0.6]).frame.to_csv(tmp_path / "t.csv", index=False)
    command = [sys.executable, "-m", "analysis", "--trials", tmp_path / "t.csv", "--sampler", "tpe"]
    bad = subprocess.run([*command, "--out", tmp_path / "x"], cwd=ROOT, capture_output=True, text=True)
    assert (bad.returncode, bad.stdout) == (2, "")
    assert re.fullmatch(r"error: best-of-N needs exchangeable trials .*: got sampler 'tpe'\n", bad.stderr)
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        (["--at", "50"], "from 1 to the number of trials, here 3: got 50"),
        (["--at", "1,b"], "--at is numbers separated by commas: got '1,b'"),
        (["--sample", "grid"], "'--sample' is no option; did you mean '--sampler'?"),
        (["--use", "some"], "use must be one of prefix, all, got 'some'"),
        ([], "--trials goes with --sampler random, grid or list, how its trials were drawn: got none"),
        (["--target", "0.5", "--targets", "0.6"], "(--targets) or now (--target): got both"),
        (["--attach"], "--attach goes with --study"),
        (["--versus", "nothing.csv"], "which is no file"),
        (["--target", "1.5", "--study", "x"], "a report is of one of --study, --trials, --optuna, --mlflow"),
    ],
)
def test_bad_options_are_refused_before_anything_is_made(tmp_path: Path, extra: list[str], words: str) -> None:
    scored([0.5, 0.6, 0.7]).frame.to_csv(tmp_path / "t.csv", index=False)
    drawn = [] if "--sampler" in words else ["--sampler", "random"]
    with pytest.raises(ValueError, match=re.escape(words)):
        run(["--trials", str(tmp_path / "t.csv"), *drawn, "--out", str(tmp_path / "out"), *extra])
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("option", "words"),
    [("--targets", "named before its search"), ("--target", "asked for when"), ("", "Round numbers")],
)
def test_targets_say_where_they_come_from(tmp_path: Path, option: str, words: str) -> None:
    scored([0.5, 0.6, 0.7]).frame.to_csv(tmp_path / "t.csv", index=False)
    given = [option, "0.65"] if option else []
    run(["--trials", str(tmp_path / "t.csv"), "--sampler", "random", "--out", str(tmp_path / "out"), *given])
    assert words in (tmp_path / "out/report.html").read_text(encoding="utf-8")


def test_a_search_that_looked_at_its_scores_does_not_pass_as_random(make_table: MakeTable, tmp_path: Path) -> None:
    """Trials in the order of their scores look like an adaptive search; where a plan is recorded they are flagged."""
    frame = make_table(40).frame
    frame = frame.assign(val_accuracy=np.sort(frame["val_accuracy"]))
    frame.to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(ValueError, match=r"have no trend of score against number.*: got Spearman's correlation 1\.00"):
        run(["--trials", str(tmp_path / "t.csv"), "--sampler", "random", "--out", str(tmp_path / "out")])
    assert not (tmp_path / "out").exists()
    write_report(make_report(replace(make_table(40), frame=frame, plan_hash="known")), tmp_path / "out")
    assert "All intervals here are flagged" in (tmp_path / "out/report.html").read_text(encoding="utf-8")


def test_the_smallest_network_is_quoted_with_its_test_interval(make_table: MakeTable, tmp_path: Path) -> None:
    write_report(make_report(make_table(60)), tmp_path)
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert re.search(
        r"The smallest network with at least 0.95 validation accuracy: trial \d+, [^.]*0\.\d+ \(selected", text
    )
    assert re.search(r"test accuracy 0\.\d+ \[0\.\d+, 0\.\d+\] \(this network&#39;s, 95% interval of 10,000 test", text)


def test_a_figure_that_the_page_gives_no_place_stands_at_its_end(make_table: MakeTable) -> None:
    report = make_report(make_table(40))
    assert Heading("Further figures") not in report_parts(report)
    new = replace(report.pictures["median"], name="new_figure")
    parts = report_parts(replace(report, pictures={**report.pictures, "new_figure": new}))
    assert parts[parts.index(Heading("Further figures")) + 1] == new
