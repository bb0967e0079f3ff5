"""The commands and their options, each described once: --help, MLproject and docs/options.md say what stands here.

After a change, `python -m search.command_line.written` writes MLproject and docs/options.md again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from analysis.command_line import reports
from analysis.command_line.options import FLAG, Option, Parser
from analysis.command_line.program import Program
from models.core.errors import shown
from models.core.suggestions import did_you_mean
from models.data.labels import TASKS
from models.data.splits import CLASS_WEIGHTS
from search.stores.paths import DEFAULT_STORAGE
from search.study.settings import PRUNERS, SAMPLERS
from search.study.study_file import STUDIES

DATA_OPTIONS = (
    Option("dataset", "NAME|FILE", "digits, mnist, ...; an .npz, .csv or .parquet file, a folder, or FILE.py:FUNCTION"),
    Option("target", "COLUMN,...", "of a table: the column to predict, or several"),
    Option("task", "|".join(TASKS), "what the target is, where its values could be either"),
    Option("test", "SHARE|FILE", "the test part, where the data have none: a share of the rows (0.2), or a file"),
    Option("leave_out", "COLUMN,...", "of a table: columns that are not used"),
    Option("group", "COLUMN", "rows equal in it are never on both sides of a split"),
    Option("weight", "COLUMN", "what each row counts in training"),
)
"""The options that become a models.data.sources.Source."""

STUDY = Option("study", "NAME", "the study's name", "digits-random")
STORAGE = Option("storage", "URL", "Optuna's storage", DEFAULT_STORAGE)
MOVED = Option("dataset", "NAME|FILE", "where the data lie now, if they lie elsewhere than they did")
RUN = Option("run_id", "ID", "the run of a complete trial", required=True)

SEARCH = (
    Option("study", "NAME|FILE", "a study that comes with the project, or your own .yaml file", "digits-random"),
    *DATA_OPTIONS,
    Option("network", "FILE.py:NAME", "your own function that builds a Keras network, instead of the built-in one"),
    Option(
        "sampler", "|".join(SAMPLERS), "how the space of --network is searched; any other study's stands in its file"
    ),
    Option("trials", "N", "how many trials the plan has (tpe: each replicate); a larger number extends a study"),
    Option("seed", "N", "the study's seed: plan, split and every trial follow from it"),
    Option("name", "NAME", "the study's name in MLflow and Optuna, instead of its file's"),
    Option("workers", "N", "processes that train, one thread each; auto: one a core; 0: this process trains", "auto"),
    Option(
        "objective", "METRIC", "what trials are chosen by: val_accuracy, val_macro_f1, val_auc, val_rmse, val_loss, ..."
    ),
    Option("class_weight", "|".join(CLASS_WEIGHTS), "balanced: each class counts as much as any other in training"),
    Option("pruner", "|".join(PRUNERS), "end trials that fall behind the others"),
    Option("models", "all|best:K|none", "which trials' models are logged", "all"),
    Option("timeout", "SECONDS", "end this session after so long, in order; the same command goes on"),
    Option("trial_timeout", "SECONDS", "a trial that takes longer fails with the reason timeout, and is not run again"),
    Option(
        "stop_when_gain_below", "X", "end the search when doubling its trials would buy less than X of the objective"
    ),
    Option(
        "dry_run", FLAG, "check everything, print the plan's size, parameters, time and disk; make nothing", "false"
    ),
    Option("storage", "URL", "Optuna's storage", DEFAULT_STORAGE),
    Option("scheduler", "ADDRESS", "a running dask scheduler, whose workers train instead of own processes"),
    Option("ui_url", "URL", "where the MLflow UI is, for the links in Optuna's notes"),
)

_OF_CONFIRM = ("name", "workers", "models", "timeout", "trial_timeout", "dry_run", "storage", "scheduler", "ui_url")
_OF_REPORT = ("at", "target", "targets", "assume_tail", "use", "versus", "confirm", "out")

DESCRIPTION = """\
Searches the hyperparameters of Keras networks: every trial of the plan exactly once, tracked in MLflow and Optuna.
Run again, the same command finishes what is missing; with more trials it extends the study."""


@dataclass(frozen=True)
class Command:
    """A command that a person can start: a module, and an entry point of MLproject."""

    sentence: str
    options: tuple[Option, ...]
    module: str
    function: str = "main"
    defaults: Mapping[str, str] = field(default_factory=dict)
    """The defaults of an entry point of MLproject that is another entry point with other defaults."""

    @property
    def with_defaults(self) -> tuple[Option, ...]:
        """The options with this command's own defaults."""
        return tuple(replace(each, default=self.defaults.get(each.name, each.default)) for each in self.options)


COMMANDS = {
    "": Command(DESCRIPTION, SEARCH, "search.commands.session"),
    "confirm": Command(
        "The second look: the best trials of a study, trained again with fresh seeds, as a study of its own.",
        (
            replace(STUDY, meaning="the study whose best trials are trained again"),
            Option("top", "N", "how many of its trials", "3"),
            Option("repeats", "N", "how often each", "5"),
            MOVED,
            *(option for option in SEARCH if option.name in _OF_CONFIRM),
        ),
        "search.commands.confirm",
    ),
    "replay": Command(
        "One trial, trained again from its MLflow run alone and compared with it bit for bit.",
        (
            RUN,
            MOVED,
            Option("trust", FLAG, "run the copy of your own network that the run keeps, not your file", "false"),
        ),
        "search.commands.replay",
    ),
    "inspect": Command(
        "What the network of one trial does on its data, as pictures on its run and one page.",
        (
            replace(RUN, meaning="the run of a complete trial with a model"),
            Option("versus", "ID", "another trial's run on the same data, to compare errors"),
            Option("classes", "A-B", "two classes face to face, instead of those most often confused"),
            Option("part", "validation|test", "where single images or rows come from", "validation"),
            MOVED,
        ),
        "search.commands.inspect",
    ),
    "register": Command(
        "A trial's network into MLflow's model registry, under the alias champion, with what it reached as tags.",
        (
            Option("run_id", "ID", "the run of a trial, or of a study: its best network", required=True),
            Option("as", "NAME", "what the registry is to call it", required=True),
        ),
        "search.commands.register",
    ),
    "report": Command(
        "The report of a study: figures, numbers and one page that opens offline, attached to its run too.",
        (STUDY, *(option for option in reports.REPORT if option.name in _OF_REPORT)),
        "search.commands.report",
    ),
    "quote": Command(
        "The report of a search that another program made: Optuna, KerasTuner, Ray Tune, W&B, MLflow, a table.",
        reports.QUOTE,
        "search.commands.report",
        "quote",
    ),
    "doctor": Command(
        "Compares plan, outbox, Optuna and MLflow of a study, and mends what differs if told to.",
        (STUDY, Option("repair", FLAG, "mend what differs", "false"), MOVED, STORAGE),
        "search.doctor.command",
    ),
    "ui": Command(
        "The MLflow UI and the Optuna dashboard on what was made here, both on loopback alone.",
        (
            Option("mlflow_port", "PORT", "where the MLflow UI listens", "5000"),
            Option("optuna_port", "PORT", "where the Optuna dashboard listens", "8080"),
            STORAGE,
        ),
        "search.commands.ui",
    ),
}
"""Commands by name; the name of a search is empty."""

ENTRY_POINTS = {
    "main": ("", COMMANDS[""]),
    "grid": ("", replace(COMMANDS[""], defaults={"study": "mnist-dropout-width", "sampler": "grid"})),
    **{name: (name, command) for name, command in COMMANDS.items() if name},
}
"""Entry points of MLproject by name: the command that each one starts, and its description."""


def parser_of(name: str) -> Parser:
    """The parser of a command; the name of a search is empty."""
    start, command = Program.of_process().start, COMMANDS[name]
    if name:
        return Parser(f"{start} {name}", command.sentence, command.options)
    usage = f"{start} [--OPTION VALUE ...]\n       {start} COMMAND [--OPTION VALUE ...]"
    return Parser(start, f"{DESCRIPTION}\n\n{_commands()}", command.options, usage, _epilog(start))


def _commands() -> str:
    lines = [f"  {name:9}{command.sentence}" for name, command in COMMANDS.items() if name]
    return "\n".join(["other commands, each with --help:", *lines])


def _epilog(start: str) -> str:
    names = sorted(path.stem for path in STUDIES.glob("*.yaml"))
    half = len(names) // 2
    return f"""\
studies that come with the project:
  {", ".join(names[:half])},
  {", ".join(names[half:])}
examples:
  {start}
  {start} --study mnist-random --dataset mnist.npz --trials 50 --seed 7
  {start} --study my-study.yaml --dry-run
MLflow's tracking server is the one of MLFLOW_TRACKING_URI. Exit code 0: the search is complete; 1: it ended with
work missing; 2: bad input, nothing was made."""


def no_command(word: str) -> str:
    """The error for a first word that is no command."""
    start, known = Program.of_process().start, [name for name in COMMANDS if name]
    return (
        f"{shown(word)} is no command{did_you_mean(word, known)} (commands: {', '.join(known)}; a search is {start} "
        "--study NAME)"
    )
