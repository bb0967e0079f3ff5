"""The pages of studies and of trials in headless Chromium: at two widths, in light and in dark, on paper."""

import base64
import io
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

from tests.browser.chromium import chromium, needs_chromium
from tests.project import copy_project, environment

pytestmark = needs_chromium
_SPACE = "space: {width: [8, 16, 64], learning_rate: {low: 1e-4, high: 1e-1, log: true}}\n"
STUDIES = {
    "random": f"sampler: random\ntrials: 12\n{_SPACE}",
    "adaptive": f"sampler: tpe\nreplicates: 2\ntrials: 11\n{_SPACE}",
    "grid": "sampler: grid\nspace: {width: [8, 16], dropout: [0.0, 0.2]}\n",
    "regression": f"data: {{dataset: diabetes}}\nsampler: random\ntrials: 6\n{_SPACE}",
}
FOREIGN = """
import optuna
drawn = optuna.samplers.RandomSampler(seed=0)
study = optuna.create_study(study_name="theirs", storage="sqlite:///theirs.db", direction="maximize", sampler=drawn)
study.optimize(lambda trial: trial.suggest_float("momentum", 0.0, 1.0) * 0.9, n_trials=25)
"""
KINDS = (*STUDIES, "foreign", "inspected", "inspected-regression")
MOST_BYTES = 3_000_000
PROBLEMS = (Path(__file__).parent / "problems.js").read_text()


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A page of each kind, as the commands write it."""
    folder = copy_project(tmp_path_factory.mktemp("project"))

    def run(*command: str) -> str:
        ran = subprocess.run([sys.executable, *command], cwd=folder, env=environment(), capture_output=True, text=True)
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return ran.stdout

    made = {}
    for name, study in STUDIES.items():
        (folder / f"{name}.yaml").write_text(f"{study}training: {{epochs: 2}}\n")
        said = run("-m", "search", "--study", f"{name}.yaml", "--workers", "0")
        if name in ("random", "regression"):
            found = re.search(r"inspect --run-id (\w+)", said)
            assert found is not None, said
            inspected = re.search(r"^(.*inspect\.html)$", run("-m", "search", "inspect", "--run_id", found[1]), re.M)
            assert inspected is not None
            made["inspected" if name == "random" else "inspected-regression"] = Path(inspected[1])
        run("-m", "analysis", "--study", name, "--out", f"out-{name}")
        made[name] = folder / f"out-{name}" / "report.html"
    run("-c", FOREIGN)
    theirs = ("--optuna", "sqlite:///theirs.db", "--study", "theirs", "--sampler", "random", "--bounds", "0,1")
    run("-m", "analysis", *theirs, "--out", "out-foreign")
    return made | {"foreign": folder / "out-foreign" / "report.html"}


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    with chromium(tmp_path_factory.mktemp("chromium")) as driver:
        yield driver


def show(
    browser: webdriver.Chrome, page: Path, width: int = 1440, scheme: str = "light", media: str = "screen"
) -> None:
    screen = {"width": width, "height": 1000, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    preference = {"name": "prefers-color-scheme", "value": scheme}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": media, "features": [preference]})
    browser.get(page.as_uri())


def problems(browser: webdriver.Chrome) -> list[str]:
    """The faults of the page as sentences, the browser's own complaints among them."""
    found = browser.execute_async_script(PROBLEMS)
    return [*found, *(entry["message"] for entry in browser.get_log("browser"))]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 1440])
@pytest.mark.parametrize("kind", KINDS)
def test_every_page_is_whole_and_readable(
    kind: str, width: int, scheme: str, pages: dict[str, Path], browser: webdriver.Chrome
) -> None:
    show(browser, pages[kind], width, scheme)
    assert problems(browser) == []
    assert len(browser.find_elements(By.CSS_SELECTOR, "figure")) >= 2
    ground = browser.find_element(By.TAG_NAME, "body").value_of_css_property("background-color")
    assert (ground == "rgba(255, 255, 255, 1)") == (scheme == "light")
    assert pages[kind].stat().st_size < MOST_BYTES


@pytest.mark.parametrize("kind", ["random", "inspected"])
def test_on_paper_the_page_is_white_and_whole(kind: str, pages: dict[str, Path], browser: webdriver.Chrome) -> None:
    show(browser, pages[kind], 700, "dark", "print")
    assert problems(browser) == []
    assert browser.find_element(By.TAG_NAME, "body").value_of_css_property("background-color").startswith("rgba(255")
    assert not any(each.is_displayed() for each in browser.find_elements(By.CSS_SELECTOR, ".find, .told, .layer"))


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        (('class="quote">', 'class="quote" style="width:2000px">'), "wider than the page"),
        (("data:image/png;base64,iVBOR", "data:image/png;base64,AAAAA"), "no picture"),
        (("--dim: #4a4a4a", "--dim: #cccccc"), "contrast"),
        (('"use strict";', "nothing.at.all;"), "nothing is not defined"),
        ((".card { position: relative;", ".card { max-height: 2rem; position: relative;"), "out of its card"),
    ],
)
def test_a_broken_page_is_seen(
    broken: tuple[str, str], words: str, pages: dict[str, Path], browser: webdriver.Chrome, tmp_path: Path
) -> None:
    text = pages["random"].read_text(encoding="utf-8")
    assert broken[0] in text
    page = tmp_path / "broken.html"
    page.write_text(text.replace(*broken), encoding="utf-8")
    show(browser, page, 400)
    found = problems(browser)
    assert found
    assert all(words in problem for problem in found)


def layer(browser: webdriver.Chrome, picture: str) -> WebElement:
    return browser.find_element(By.CSS_SELECTOR, f"#picture-{picture} .layer")


def told(browser: webdriver.Chrome, picture: str) -> str:
    return str(browser.find_element(By.CSS_SELECTOR, f"#picture-{picture} .told").text)


def rows(browser: webdriver.Chrome) -> list[list[str]]:
    """The cells of the rows that the table of all trials shows."""
    shown = browser.find_elements(By.CSS_SELECTOR, "details.trials tbody tr:not([hidden])")
    return [[str(cell.get_property("textContent")) for cell in row.find_elements(By.TAG_NAME, "td")] for row in shown]


def test_words_find_trials_in_the_table_and_among_the_lines(pages: dict[str, Path], browser: webdriver.Chrome) -> None:
    show(browser, pages["random"])
    everyone = rows(browser)
    assert len(everyone) == 12
    heads = [head.get_property("textContent") for head in browser.find_elements(By.CSS_SELECTOR, ".trials th")]
    width = heads.index("width")
    field = browser.find_element(By.CSS_SELECTOR, ".find input")
    value = everyone[0][width]
    field.send_keys(f"width={value}")
    kept = rows(browser)
    assert kept == [row for row in everyone if row[width] == value]
    assert 0 < len(kept) < 12
    assert len(layer(browser, "parallel_coordinates").find_elements(By.CSS_SELECTOR, "polyline.shown")) == len(kept)
    said = browser.find_element(By.CSS_SELECTOR, ".find output").text
    assert said == f"{len(kept)} of 12 trials, the best of them trial {kept[0][0]}"
    field.send_keys(" validation>2")
    assert rows(browser) == []
    field.clear()
    field.send_keys("no-such-word")
    assert rows(browser) == []


def test_keys_step_through_the_lines_and_find_the_trial(pages: dict[str, Path], browser: webdriver.Chrome) -> None:
    show(browser, pages["random"])
    lines, best = layer(browser, "parallel_coordinates"), rows(browser)[0]
    lines.send_keys(Keys.ARROW_RIGHT)
    assert told(browser, "parallel_coordinates").startswith(f"trial {best[0]}, validation accuracy {best[1]}, ")
    lines.send_keys(Keys.ARROW_RIGHT, Keys.ENTER)
    assert [row[0] for row in rows(browser)] == [told(browser, "parallel_coordinates").split(",")[0].split()[1]]


def test_pointing_at_the_curve_tells_its_numbers_and_a_click_finds_the_trial(
    pages: dict[str, Path], browser: webdriver.Chrome
) -> None:
    show(browser, pages["random"])
    curve = layer(browser, "tuning_curve")
    ActionChains(browser).move_to_element_with_offset(curve, curve.size["width"] // 2 - 5, 0).perform()
    said = told(browser, "tuning_curve")
    trial = re.search(r"^N = 12: .*The best of the first 12 here: trial (\d+)", said)
    assert trial is not None, said
    ActionChains(browser).click().perform()
    assert [row[0] for row in rows(browser)] == [trial[1]] == [rows(browser)[0][0]]


def test_pointing_at_a_line_marks_it_where_it_is_drawn(pages: dict[str, Path], browser: webdriver.Chrome) -> None:
    """The line that the script marks lies on the ink of the picture below."""
    show(browser, pages["random"])
    lines = layer(browser, "parallel_coordinates")
    lines.send_keys(Keys.ARROW_RIGHT)
    pointed = lines.find_element(By.CSS_SELECTOR, "polyline.pointed").get_attribute("points")
    assert pointed is not None
    image = browser.find_element(By.CSS_SELECTOR, "#picture-parallel_coordinates img")
    encoded = str(image.get_attribute("src")).split(",")[1]
    drawn = Image.open(io.BytesIO(base64.b64decode(encoded))).convert("L")
    scale, left, top = (drawn.width / image.rect["width"], *(image.rect[k] - lines.rect[k] for k in ("x", "y")))
    (x0, y0), (x1, y1) = (tuple(map(float, point.split(","))) for point in pointed.split()[:2])
    for share in (0.35, 0.5, 0.65):  # between two axes, where the best trial's line is dark and thick
        x, y = (x0 + share * (x1 - x0) - left) * scale, (y0 + share * (y1 - y0) - top) * scale
        assert min(drawn.getpixel((round(x) + k, round(y))) for k in range(-4, 5)) < 90  # type: ignore[type-var]


def test_without_the_script_the_page_says_the_same(pages: dict[str, Path], browser: webdriver.Chrome) -> None:
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        show(browser, pages["random"])
        assert not browser.find_element(By.CSS_SELECTOR, ".find").is_displayed()
        assert browser.find_elements(By.CSS_SELECTOR, ".layer, .told") == []
        assert len(rows(browser)) == 12
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
