"""Stored names keep to MLflow's and Optuna's rules, and two hyperparameters never share one."""

import shutil
from pathlib import Path

import optuna
import pytest
from mlflow import MlflowClient
from mlflow.entities import Param

from models.core.errors import ConfigError
from models.spaces.answers import Planned, Recorder
from models.spaces.domains import Domain, choice, real, whole
from models.spaces.naming import Condition, stored_name

STRANGE = [
    "units", "lr[0]", "lr 0", " lr", "lr ", "größe", "a/b", "/a", "a//b", "../a", ".", "..", ".a", "", "a\nb",
    "a=b", "层", "e\u0301", "\u00e9", "lr_0_", "\ud800", "x" * 180, "x" * 181, "x" * 100_000, "a%b", "a:b", "😀",
]  # fmt: skip


def test_any_name_is_stored_under_one_that_mlflow_takes_and_no_two_under_the_same(
    workdir: Path, empty_stores: tuple[Path, Path]
) -> None:
    shutil.copy(empty_stores[0], workdir)
    client = MlflowClient()
    run_id = client.create_run("0").info.run_id
    under = (Condition("model [kind]", ("cnn", "mlp")), Condition("depth", (2, 3.5, True)))
    stored = [stored_name(name, conditions) for name in STRANGE for conditions in ((), under, under[:1])]
    assert len(set(stored)) == 3 * len(STRANGE)
    for name in stored:
        assert len(name) <= 250
        name.encode()
    client.log_batch(run_id, params=[Param(name, "1") for name in stored])
    assert client.get_run(run_id).data.params.keys() == set(stored)


def test_a_plain_name_stays_and_a_condition_is_named_in_words() -> None:
    assert stored_name("units_0", ()) == "units_0"
    assert stored_name("block/units", ()) == "block/units"
    conditions = (Condition("model", ("cnn", "mlp")), Condition("depth", (2,)))
    assert stored_name("units", conditions) == "units when model is cnn or mlp and depth is 2"


def test_no_two_conditions_and_no_name_that_looks_like_one_are_stored_alike() -> None:
    values = [("a", "b"), ("a or b",), (1,), ("1",), (True,), ("True",), ("b", "a"), ("a", "or", "b"), (1.0,)]
    conditions = [(Condition(name, each),) for name in ("m", "m is a and n") for each in values]
    pairs = [(Condition("m", ("a",)), Condition("n", ("a",)))]
    stored = [stored_name("u", each) for each in (*conditions, *pairs)] + [
        stored_name("u when m is a", ()), stored_name("u when m is a or b", ()), stored_name("'u'", conditions[0]),
    ]  # fmt: skip
    assert len(set(stored)) == len(stored)


@pytest.mark.parametrize("name", ["patience", "monitor", "seed", "number", "config_hash", "train_rows", "my_rows"])
def test_the_projects_own_names_are_refused_in_a_line(name: str) -> None:
    with pytest.raises(ConfigError, match=f"^a hyperparameter may have any name but patience, .* got '{name}'$"):
        stored_name(name, ())
    assert stored_name(f"{name}_", ()) == f"{name}_"


@pytest.mark.parametrize(
    "name", ["batch_size", "learning_rate", "epochs", "activation", "dropout", "optimizer", "depth"]
)
def test_the_usual_names_of_networks_are_the_users(name: str) -> None:
    assert stored_name(name, ()) == name


def distribution(domain: Domain) -> optuna.distributions.BaseDistribution:
    if domain.kind == "choice":
        return optuna.distributions.CategoricalDistribution(domain.choices)
    kind = {"int": optuna.distributions.IntDistribution, "float": optuna.distributions.FloatDistribution}[domain.kind]
    return kind(domain.low, domain.high, log=domain.sampling == "log")


def test_a_name_has_one_kind_in_a_study_so_that_optuna_takes_every_trial() -> None:
    asked = [
        whole("u", 1, 9), real("u", 0, 1), choice("u", [1, 2]), choice("u", [3]), whole("u", 1, 64, None, "log"),
        whole("u", 5, 20), choice("u", [2, 1]), real("u", 0, 2, 0.5),
    ]  # fmt: skip
    study, known = optuna.create_study(), dict[str, Domain]()
    stored = []
    for domain in asked:
        recorder = Recorder(lambda _, domain: domain.at_fraction(0.5), known)
        value = recorder.ask("u", (), domain)
        (name,) = recorder.parameters
        stored.append(name)
        study.enqueue_trial(recorder.parameters)
        trial = study.ask({name: distribution(domain)})
        assert trial.params[name] == value
        study.tell(trial, 1.0)
        assert Planned(recorder.parameters).ask("u", (), domain) == value
    assert stored[0] == stored[5] == "u"  # Optuna allows another range of the same kind under one name
    assert len(set(stored)) == 5
    assert stored[2] == stored[6] == "u as choice-" + stored[2][-8:]


def test_names_that_meet_when_stored_are_refused() -> None:
    recorder = Recorder(lambda _, domain: domain.at_fraction(0), {})
    recorder.ask("lr[0]", (), real("lr", 0, 1))
    (taken,) = recorder.parameters
    with pytest.raises(ConfigError, match=f"names that stay different when stored, got '{taken}' twice"):
        recorder.ask(taken, (), real("lr", 0, 1))
