"""`python -m models.training.planning FD`: draws the rows of the user's own network in a process of its own.

The process ends when the file descriptor FD is closed, which the process that asks holds open. Standard input has the
job as JSON. The last line of standard output is the answer: `kind`, `keywords`, `rows` and `n_parameters` of the first
network (0 where none was built), or `error`, one line. search/study/own_space.py writes the job and reads the answer.
"""

import json
import math
import os
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from models.core.config import TRAINING
from models.core.errors import ConfigError
from models.core.runtime import prepare_process
from models.core.seeds import trial_seed


def plan(job: Mapping[str, Any]) -> dict[str, Any]:
    """The answer to a job.

    Raises:
        ConfigError: the user's function or its first network is wrong.
    """
    from models.spaces.calling import load_function
    from models.spaces.functions import KEYWORDS
    from models.spaces.planner import PlanRow, grid_rows, random_rows
    from models.spaces.source import Source

    written = job["source"]
    source = Source(**written | {"texts": tuple(map(tuple, written["texts"]))})
    given = {"input_shape": tuple(job["shape"]), "n_outputs": job["n_outputs"]}
    seed, seconds = job["seed"], job["seconds"]
    function = load_function(source, given, trial_seed(seed, 0), seconds)
    n_parameters = 0
    if function.kind == KEYWORDS:
        function.check_names(name for name in job["names"] if name in function.keywords or name not in TRAINING)
        if job["first"]:
            said = job["training"] | job["first"]
            own = {name: value for name, value in said.items() if name in function.keywords or name not in TRAINING}
            n_parameters = _check_network(source, given, job, own)
        return _answer(function.kind, n_parameters, keywords=function.keywords)
    before = [PlanRow.from_json(row) for row in job["before"]]
    if job["sampler"] == "list":
        n_parameters = _check_network(source, given, job, job["first"])
        rows = []
    elif job["sampler"] == "grid":
        rows = grid_rows(source, given, seed, job["most"], seconds)
    else:
        numbers = range(len(before), job["count"])
        if before:
            _check_same(before[-1], next(random_rows(source, given, seed, [before[-1].number], before[:-1], seconds)))
        rows = list(random_rows(source, given, seed, numbers, before, seconds))
    if not before and rows:
        if rows[0].problem is not None:
            raise ConfigError(rows[0].problem.message)
        n_parameters = _check_network(source, given, job, dict(rows[0].parameters))
    return _answer(function.kind, n_parameters, rows=[asdict(row) for row in rows])


def _check_same(known: Any, again: Any) -> None:
    """Checks that the function asks for the same as when the plan was begun; a file that it reads may have changed.

    Raises:
        ConfigError: the function asks for something else.
    """
    asked, now = known.distributions, again.distributions
    if (known.parameters, asked) != (again.parameters, now):
        differing = next((name for name in {**asked, **now} if asked.get(name) != now.get(name)), "a value")
        raise ConfigError(
            "a network's function must ask for the same values as when its plan was begun; start another study with a "
            f"new name, got {differing} of trial {known.number} from {asked.get(differing)} then and from "
            f"{now.get(differing)} now, though its source is the same (does it read a file?)"
        )


def _answer(kind: str, n_parameters: int, keywords: Sequence[str] = (), rows: Sequence[Any] = ()) -> dict[str, Any]:
    return {"kind": kind, "keywords": list(keywords), "rows": list(rows), "n_parameters": n_parameters}


def _check_network(source: Any, given: Mapping[str, Any], job: Mapping[str, Any], asked: Mapping[str, Any]) -> int:
    """Checks that the network of these values takes the data's rows and answers as the task needs.

    Returns the number of its parameters.

    Raises:
        ConfigError: the network cannot be built, or does not fit.
    """
    import tensorflow as tf

    from models.core.runtime import without_harmless_warnings
    from models.networks.feeding import Interface
    from models.networks.own import build_own, globals_kept, operations_named
    from models.networks.user_function import UserNetwork
    from models.spaces.problems import problem_of

    shape, seed = tuple(job["shape"]), trial_seed(job["seed"], 0)
    features = tf.zeros([2, math.prod(shape)])
    columns = {name: (first, stop) for name, (first, stop) in job["columns"].items()}
    interface = Interface(shape, columns, job["n_outputs"], job["classes"])
    network = UserNetwork(source, given, seed, asked)
    try:
        with globals_kept(), without_harmless_warnings(), operations_named():
            own = build_own(network.build, features, interface, seed)
            return int(own.model.count_params())
    except Exception as error:
        raise ConfigError(problem_of(source, error).message) from error


def _end_with(descriptor: int) -> None:
    os.read(descriptor, 1)
    os._exit(1)


def main() -> int:
    threading.Thread(target=_end_with, args=(int(sys.argv[1]),), daemon=True).start()
    job = json.loads(sys.stdin.read())
    prepare_process()
    from models.networks.tensorflow_internals import determinism

    try:
        with determinism(job["deterministic"]):
            answer = plan(job)
    except ConfigError as error:
        answer = {"error": str(error)}
    sys.stdout.write("\n" + json.dumps(answer) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
