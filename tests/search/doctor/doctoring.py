"""The doctor asked about the study that the tests of this folder make."""

import re
from collections.abc import Callable

import optuna
import pytest

from search.doctor.command import main
from search.driver.driver import Ended
from search.workers.job import Job
from search.workers.outcome import Outcome
from tests.search.conftest import STORAGE
from tests.search.fakes import complete

Search = Callable[..., Ended]


class Died(BaseException):
    """The driver is gone."""


def examine(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    """The exit code of a look at the study, and what was printed on one line."""
    code = main(["--study", "small", *arguments])
    printed = capsys.readouterr()
    return code, " ".join(re.sub("[\u2500-\u257f]", " ", printed.err if code == 2 else printed.out).split())


def in_optuna() -> optuna.Study:
    return optuna.load_study(study_name="small", storage=STORAGE, sampler=optuna.samplers.RandomSampler())


def dies_in_trial_2(job: Job) -> Outcome:
    if job.number == 2:
        raise Died
    return complete(job)
