"""The real MLflow UI and the real Optuna dashboard as a person sees them, in headless Chromium."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from mlflow import MlflowClient
from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException, TimeoutException
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from search.tracking.ui_internals import run_link
from tests.browser.chromium import chromium, needs_chromium
from tests.project import copy_project, environment

pytestmark = needs_chromium
STUDY = "sampler: list\nconfigurations: [{width: 8}, {width: 16}, {width: 32, dropout: 0.2}]\ntraining: {epochs: 2}\n"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = copy_project(tmp_path_factory.mktemp("project"))
    (folder / "seen.yaml").write_text(STUDY)
    return folder


@pytest.fixture(scope="module")
def addresses(folder: Path) -> Iterator[tuple[str, ...]]:
    """The MLflow UI, the Optuna dashboard and the study's trials, as `python -m search ui` says where they are."""
    mlflow_port, optuna_port = free_port(), free_port()
    ui_url = f"http://127.0.0.1:{mlflow_port}"
    search = [sys.executable, "-m", "search", "--study", "seen.yaml", "--workers", "0", "--ui-url", ui_url]
    subprocess.run(search, cwd=folder, env=environment(), check=True, capture_output=True, timeout=120)
    command = [
        sys.executable,
        "-m",
        "search",
        "ui",
        "--mlflow-port",
        str(mlflow_port),
        "--optuna-port",
        str(optuna_port),
    ]
    ui = subprocess.Popen(command, cwd=folder, env=environment(), stdout=subprocess.PIPE, text=True)
    assert ui.stdout is not None
    assert [ui.stdout.readline().split()[-1] for _ in range(2)] == [ui_url, f"http://127.0.0.1:{optuna_port}"]
    study = ui.stdout.readline().split()
    assert study[0] == "seen:"
    try:
        yield ui_url, f"http://127.0.0.1:{optuna_port}", study[1]
    finally:
        ui.send_signal(signal.SIGINT)
        ui.send_signal(signal.SIGTERM)  # what `mlflow run` does at one Ctrl-C
        assert ui.wait(timeout=15) == 0
        ui.stdout.close()
        for port in (mlflow_port, optuna_port):  # both servers ended with it
            with socket.socket() as probe:
                assert probe.connect_ex(("127.0.0.1", port)) != 0


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    with chromium(tmp_path_factory.mktemp("chromium")) as driver:
        yield driver


@pytest.fixture
def shows(browser: webdriver.Chrome, tmp_path: Path) -> Callable[..., None]:
    """Opens an address and waits until the page shows all the words. SCREENSHOTS names a folder to keep pictures in."""

    def show(url: str, *words: str, picture: str = "page") -> None:
        browser.get(url)
        browser.refresh()  # an address that differs after the # alone does not load the page again

        def all_there(driver: webdriver.Chrome) -> bool:
            text = driver.find_element(By.TAG_NAME, "body").text
            return all(word in text for word in words)

        try:
            waiting = WebDriverWait(browser, 40, ignored_exceptions=[StaleElementReferenceException])
            waiting.until(all_there)
        except TimeoutException:
            pytest.fail(f"{url} shows {browser.find_element(By.TAG_NAME, 'body').text[:2000]!r}, not {words}")
        finally:
            time.sleep(0.5)
            browser.save_screenshot(str(Path(os.environ.get("SCREENSHOTS", tmp_path)) / f"{picture}.png"))

    return show


@pytest.fixture(scope="module")
def runs(addresses: tuple[str, ...], folder: Path) -> dict[str, str]:
    """Run IDs by name."""
    client = MlflowClient(f"sqlite:///{folder}/mlflow.db")
    experiment = client.get_experiment_by_name("seen")
    return {run.info.run_name: run.info.run_id for run in client.search_runs([experiment.experiment_id])} | {
        "experiment": experiment.experiment_id
    }


def test_mlflow_opens_the_studys_trials_with_its_columns_the_best_first(
    addresses: tuple[str, ...], folder: Path, shows: Callable[..., None], browser: webdriver.Chrome
) -> None:
    shows(
        addresses[2], "trials of seen", "Sort: val_accuracy", "test_accuracy", "dropout", "width", "3 matching runs",
        picture="mlflow-trials",
    )  # fmt: skip
    shown = re.findall(r"trial-\d{4}", browser.find_element(By.TAG_NAME, "body").text)
    client = MlflowClient(f"sqlite:///{folder}/mlflow.db")
    experiment = client.get_experiment_by_name("seen").experiment_id
    children = client.search_runs([experiment], "tags.trial_number LIKE '%'", order_by=["metrics.val_accuracy DESC"])
    scores = [run.data.metrics["val_accuracy"] for run in children]
    by_name = {run.info.run_name: run.data.metrics["val_accuracy"] for run in children}
    assert [by_name[name] for name in shown] == scores
    assert "Model training" in browser.find_element(By.TAG_NAME, "body").text  # not the pages of prompts and traces


def test_mlflow_shows_a_trials_picture_by_the_link_in_its_description(
    addresses: tuple[str, ...], runs: dict[str, str], shows: Callable[..., None], browser: webdriver.Chrome
) -> None:
    url = f"{addresses[0]}/{run_link(runs['experiment'], runs['trial-0001'])}"
    shows(url, "of 3 complete trials", "confusion.png", picture="mlflow-description")
    link = browser.find_element(By.LINK_TEXT, "confusion.png").get_attribute("href")
    shows(link, "confusion.png", "Path:", picture="mlflow-picture")
    picture = "img[src*='confusion.png'], img[src^='blob:']"
    WebDriverWait(browser, 20).until(lambda driver: driver.find_elements(By.CSS_SELECTOR, picture))


def test_mlflow_compares_children_with_parallel_coordinates(
    addresses: tuple[str, ...], runs: dict[str, str], shows: Callable[..., None], browser: webdriver.Chrome
) -> None:
    chosen = ",".join(f"%22{runs[f'trial-{number:04d}']}%22" for number in range(3))
    url = f"{addresses[0]}/#/compare-runs?runs=[{chosen}]&experiments=[%22{runs['experiment']}%22]"
    shows(url, "Comparing 3 Runs", "Parallel Coordinates Plot", "trial-0000", "trial-0002", picture="mlflow-compare")
    WebDriverWait(browser, 20).until(lambda driver: driver.find_elements(By.CSS_SELECTOR, ".js-plotly-plot .parcoords"))
    drawn = browser.find_elements(By.CSS_SELECTOR, ".js-plotly-plot .axis-title")
    assert {"width", "dropout"} <= {axis.text for axis in drawn}


def test_mlflow_shows_a_child_with_its_metrics_model_and_parent(
    addresses: tuple[str, ...], runs: dict[str, str], shows: Callable[..., None]
) -> None:
    url = f"{addresses[0]}/#/experiments/{runs['experiment']}/runs/{runs['trial-0001']}"
    shows(url, "trial-0001", "Parent run", "seen", "val_accuracy", "test_accuracy", "model", picture="mlflow-child")


def test_mlflow_draws_the_best_of_n_curve_of_the_parent(
    addresses: tuple[str, ...], runs: dict[str, str], shows: Callable[..., None]
) -> None:
    url = f"{addresses[0]}/#/experiments/{runs['experiment']}/runs/{runs['seen']}/model-metrics"
    shows(url, "best_of_n", picture="mlflow-parent")


def test_optuna_shows_the_study_with_its_sampler_and_trials(
    addresses: tuple[str, ...], shows: Callable[..., None]
) -> None:
    shows(f"{addresses[1]}/dashboard/studies/1", "seen", "sampler list", "History", picture="optuna-study")
    shows(f"{addresses[1]}/dashboard/studies/1/trials?numbers=1", "Trial 1", "Trial 2", "Complete", "confusion.png",
          picture="optuna-trial")  # fmt: skip


def test_the_link_in_a_trials_note_opens_its_run_in_mlflow(
    addresses: tuple[str, ...], runs: dict[str, str], shows: Callable[..., None], browser: webdriver.Chrome
) -> None:
    shows(f"{addresses[1]}/dashboard/studies/1/trials?numbers=1", "run in MLflow")
    link = browser.find_element(By.LINK_TEXT, "run in MLflow").get_attribute("href")
    assert link is not None
    assert link.endswith(run_link(runs["experiment"], runs["trial-0001"]))
    shows(link, "trial-0001", "val_accuracy", picture="linked")


def test_the_report_among_mlflows_artifacts_finds_trials(
    addresses: tuple[str, str], runs: dict[str, str], shows: Callable[..., None], browser: webdriver.Chrome
) -> None:
    """MLflow shows pages in a sandboxed frame: the page's script runs there too."""
    url = f"{addresses[0]}/#/experiments/{runs['experiment']}/runs/{runs['seen']}/artifacts/report/report.html"
    shows(url, "report.html", picture="mlflow-report")
    frame = WebDriverWait(browser, 20).until(lambda driver: driver.find_element(By.CSS_SELECTOR, "iframe"))
    browser.switch_to.frame(frame)
    try:
        field = WebDriverWait(browser, 20).until(lambda driver: driver.find_element(By.CSS_SELECTOR, ".find input"))
        WebDriverWait(browser, 20).until(lambda _: field.is_displayed())
        field.send_keys("width=16")
        assert browser.find_element(By.CSS_SELECTOR, ".find output").text.startswith("1 of 3 trials")
    finally:
        browser.switch_to.default_content()
