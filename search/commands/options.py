"""The command line: the names are those of the MLproject parameters, `default` means what the study file says."""

import argparse
import re
from dataclasses import dataclass

from models.core.errors import ConfigError, shown
from models.data.labels import TASKS
from models.data.splits import CLASS_WEIGHTS
from search.commands.exit_codes import Parser
from search.driver.keeping import ModelPolicy
from search.driver.limits import Limits
from search.stores.paths import DEFAULT_STORAGE
from search.study.settings import MOST, PRUNERS, SAMPLERS
from search.study.study_file import STUDIES

DEFAULT = "default"
DATA_OPTIONS = ("dataset", "target", "task", "test", "leave_out", "group", "weight")

_DESCRIPTION = """\
Searches the hyperparameters of Keras networks: every trial of the plan exactly once, tracked in MLflow and Optuna.
Run again, the same command finishes what is missing; with more trials it extends the study."""

_EPILOG = f"""\
studies that come with the project: {", ".join(sorted(path.stem for path in STUDIES.glob("*.yaml")))}
other commands: python -m search confirm, replay, inspect, doctor, ui (each with --help)
examples:
  python -m search
  python -m search --study mnist-random --dataset mnist.npz --trials 50 --workers 2 --seed 7
  python -m search --study my-study.yaml --dry-run
MLflow's tracking server is the one of MLFLOW_TRACKING_URI. Exit code 0: the search is complete; 1: it ended with
work missing; 2: bad input, nothing was made."""


@dataclass(frozen=True)
class Options:
    """The command line, checked as far as that goes without the study and the data."""

    study: str
    data: dict[str, str]
    """Of models.data.sources.Source, what was said: those of DATA_OPTIONS."""
    trials: int | None
    workers: int
    seed: int | None
    scheduler: str | None
    models: ModelPolicy
    storage: str
    name: str | None
    sampler: str | None
    ui_url: str | None
    stop_when_gain_below: float | None
    pruner: str | None
    network: str | None
    objective: str | None
    class_weight: str | None
    limits: Limits
    dry_run: bool
    given: dict[str, str]
    """What was said and is not a default, as it was said: for commands that are suggested."""


def read_options(arguments: list[str]) -> Options:
    """The options that the command line gives.

    Raises:
        ConfigError: one is unknown or breaks a rule.
    """
    parser = _parser()
    given = parser.parse_args(arguments)
    return Options(
        study=given.study,
        data={key: text for key in DATA_OPTIONS if (text := _or_none(getattr(given, key))) is not None},
        trials=_count("trials", given.trials, 1),
        workers=whole_number("workers", given.workers, 0),
        seed=_count("seed", given.seed, 0),
        scheduler=_or_none(given.scheduler),
        models=ModelPolicy.read(given.models),
        storage=given.storage,
        name=_or_none(given.name),
        sampler=_sampler(given.sampler),
        ui_url=_or_none(given.ui_url),
        stop_when_gain_below=_number("stop_when_gain_below", given.stop_when_gain_below),
        pruner=_or_none(given.pruner),
        network=_or_none(given.network),
        objective=_or_none(given.objective),
        class_weight=_or_none(given.class_weight),
        limits=Limits(
            **{
                name: seconds
                for name in ("trial_timeout", "timeout")
                if (seconds := _number(name, getattr(given, name))) is not None
            }
        ),
        dry_run=flag("dry_run", given.dry_run),
        given={key: value for key, value in vars(given).items() if value != parser.get_default(key)},
    )


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="python -m search",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--study", default="digits-random", metavar="NAME|FILE", help="a study by name, or your own .yaml file")
    add("--dataset", default=DEFAULT, metavar="NAME|FILE", help="digits, mnist, ...; .npz, .csv, .parquet, a folder")
    add("--target", default=DEFAULT, metavar="COLUMN", help="of a table: the column to predict, or several")
    add("--task", default=DEFAULT, metavar="|".join(TASKS), help="what the target is (as its values say)")
    add("--objective", default=DEFAULT, metavar="METRIC", help="what trials are chosen by: val_macro_f1, val_rmse, ...")
    add("--test", default=DEFAULT, metavar="SHARE|FILE", help="the test part, where the data have none (0.2)")
    add("--leave-out", "--leave_out", default=DEFAULT, metavar="COLUMNS", help="of a table: columns that are not used")
    add("--group", default=DEFAULT, metavar="COLUMN", help="rows equal in it are never on both sides of a split")
    add("--weight", default=DEFAULT, metavar="COLUMN", help="what each row counts in training")
    add(
        "--class-weight",
        "--class_weight",
        default=DEFAULT,
        metavar="|".join(CLASS_WEIGHTS),
        help="balanced: as much for each class (none)",
    )
    add(
        "--network", default=DEFAULT, metavar="FILE.py:NAME", help="your own function that builds a Keras network (mlp)"
    )
    add("--trials", default=DEFAULT, metavar="N", help="how many trials the plan has, 1 or more")
    add("--workers", default="2", metavar="N", help="processes that train, one thread each; 0: in this process (2)")
    add("--seed", default=DEFAULT, metavar="N", help="the study's seed: plan, split and every trial follow from it")
    add("--scheduler", default=DEFAULT, metavar="ADDRESS", help="a running dask scheduler, instead of own processes")
    add("--models", default="all", metavar="all|best:K|none", help="which trials' models are logged (all)")
    add("--storage", default=DEFAULT_STORAGE, metavar="URL", help=f"Optuna's storage ({DEFAULT_STORAGE})")
    add("--name", default=DEFAULT, metavar="NAME", help="the study's name in MLflow and Optuna (the file's stem)")
    add("--sampler", default=DEFAULT, metavar="|".join(SAMPLERS), help="of --network; a study of any other is refused")
    add("--ui-url", "--ui_url", default=DEFAULT, metavar="URL", help="where the MLflow UI is, for links in Optuna")
    add(
        "--stop-when-gain-below", "--stop_when_gain_below", default=DEFAULT, metavar="X",
        help="end the search when doubling its trials would buy less than X of the objective",
    )  # fmt: skip
    add("--pruner", default=DEFAULT, metavar="|".join(PRUNERS), help="end trials that fall behind the others (none)")
    add(
        "--trial-timeout", "--trial_timeout", default=DEFAULT, metavar="SECONDS",
        help="a trial that takes longer fails with the reason timeout, and is not run again",
    )  # fmt: skip
    add(
        "--timeout", default=DEFAULT, metavar="SECONDS",
        help="end this session after so long, in order; the same command goes on",
    )  # fmt: skip
    add(
        "--dry-run", "--dry_run", nargs="?", const="true", default="false", metavar="true|false",
        help="check everything, print the plan's size, parameters, time and disk; make nothing",
    )  # fmt: skip
    return parser


def _or_none(text: str) -> str | None:
    return None if text in (DEFAULT, "") else text


def whole_number(name: str, text: str, low: int, high: int = MOST) -> int:
    """The number that `text` says.

    Raises:
        ConfigError: it is not whole, or not from `low` to `high`.
    """
    if not re.fullmatch(r"-?[0-9]{1,19}", text, re.ASCII) or not low <= int(text) <= high:
        span = f"{low} or more" if high == MOST else f"{low} to {high}"
        raise ConfigError(f"{name} must be a whole number, {span}, got {shown(text)}")
    return int(text)


def _count(name: str, text: str, low: int) -> int | None:
    return None if _or_none(text) is None else whole_number(name, text, low)


def _number(name: str, text: str) -> float | None:
    if _or_none(text) is None:
        return None
    try:
        return float(text)
    except ValueError:
        raise ConfigError(f"{name} must be a number, got {shown(text)}") from None


def _sampler(text: str) -> str | None:
    if _or_none(text) is not None and text not in SAMPLERS:
        raise ConfigError(f"sampler must be one of {', '.join(SAMPLERS)}, got {shown(text)}")
    return _or_none(text)


def flag(name: str, text: str) -> bool:
    """Whether `text` says so.

    Raises:
        ConfigError: it says neither true nor false.
    """
    if text not in ("true", "false"):
        raise ConfigError(f"{name} must be true or false, got {shown(text)}")
    return text == "true"
