"""The keys of a study file: the values, default and meaning of each, as models that pydantic checks.

The JSON schema of study files, docs/study.schema.json, is made from these models too. Rules stand in functions that
raise ConfigError, so that a message has the project's form: the rule, then the value received.
"""

import sys
from collections.abc import Callable, Mapping
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, ValidationError, ValidationInfo, model_validator
from pydantic.json_schema import GenerateJsonSchema

from models.core.errors import ConfigError, shown
from models.core.parameters import MONITORS, PARAMETERS
from models.core.runtime import DEVICES
from models.core.suggestions import check_word, no_such
from models.data.images import COLORS
from models.data.labels import TASKS
from models.data.reduction import check_reduction
from models.data.splits import CLASS_WEIGHTS, PREPROCESSINGS
from search.study.settings import MOST, MOST_SEED, MOST_TRIALS, PRUNERS, REPLICATES, SAMPLERS, SOURCE_KEYS, check_count

Scalars = bool | int | float | str | list[bool | int | float | str]
"""A value of a parameter as a study file writes it; a list: one for each hidden layer."""
Columns = str | list[str | int]
Positive = Annotated[float, Field(gt=0)]
Reduction = Annotated[str, Field(pattern="^(none|(pca|forest):[0-9.]+)$")]


def _count(low: int, most: int = MOST) -> PlainValidator:
    def check(value: Any, info: ValidationInfo) -> int:
        return check_count(str(info.field_name), value, low, most)

    return PlainValidator(check, json_schema_input_type=Annotated[int, Field(ge=low, le=most)])


def _one_of(known: tuple[str, ...]) -> Any:
    """The type of a word, for the schema."""
    return Annotated[str, Field(json_schema_extra={"enum": [*known]})]


def _word(known: tuple[str, ...], empty: str | None = None) -> PlainValidator:
    """One of `known`; where `empty` is given, an empty text means it."""

    def check(value: Any, info: ValidationInfo) -> str:
        if value == "" and empty is not None:
            return empty
        return check_word(str(info.field_name), value, known, or_empty=False)

    return PlainValidator(check, json_schema_input_type=_one_of(known))


def _by(check: Callable[..., Any], takes: Any) -> PlainValidator:
    """A value that `check` returns in its own type; `takes` is its type in the schema."""
    return PlainValidator(check, json_schema_input_type=takes)


def _later(takes: Any) -> PlainValidator:
    """A value that another part of the program checks: models.data.sources, or search.study.reading."""
    return _by(lambda value: value, takes)


def _is_number(value: Any) -> bool:
    """Whether `value` is a number that a float can hold: not infinite, and no whole number of 400 digits."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max


def _check_validation(value: Any) -> float:
    if not _is_number(value) or value <= 0 or (value >= 1 and value % 1):
        raise ConfigError(f"validation must be a fraction between 0 and 1 or a count of rows, got {shown(value)}")
    return value


def _check_network(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ConfigError(f"network must be mlp or FILE.py:NAME, got {shown(value)}")
    return "" if value == "mlp" else value


def _check_callbacks(value: Any) -> str:
    if not isinstance(value, str):
        raise ConfigError(f"callbacks must be FILE.py:NAME, got {shown(value)}")
    return value


def _check_deterministic(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ConfigError(f"deterministic must be true or false, got {shown(value)}")
    return value


def _check_targets(value: Any) -> tuple[float, ...]:
    listed = value if isinstance(value, list) else [value]
    for each in listed:
        if not _is_number(each):
            raise ConfigError(f"targets must be numbers, got {shown(each)}")
    return tuple(sorted({float(each) for each in listed}))


def _check_training(value: Any) -> Mapping[str, Any]:
    if value and not isinstance(value, Mapping):
        raise ConfigError(f"training must map parameters to values, got {shown(value)}")
    return value or {}


class _Keys(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class DataKeys(_Keys):
    """Where the data come from, how they are split, and how features are prepared."""

    dataset: Annotated[Any, _later(str)] = "digits"
    """A name (digits, iris, wine, breast_cancer, diabetes, mnist, fashion_mnist, cifar10, cifar100,
    california_housing), the path of an .npz, .csv or .parquet file, a folder of images with one folder a class, or
    FILE.py:FUNCTION. Paths start from the study file."""
    target: Annotated[Any, _later(Columns)] = None
    """For a table: the column to predict, or several columns of numbers."""
    test: Annotated[Any, _later(str | float)] = None
    """The test part, where the data have none: a share of the rows (0.2), or the path of a file."""
    leave_out: Annotated[Any, _later(Columns)] = None
    """For a table: columns that are not used."""
    group: Annotated[Any, _later(str)] = None
    """For a table: a column; rows that are equal in it are never on both sides of a split."""
    weight: Annotated[Any, _later(str)] = None
    """For a table: a column with the weight of each row in training."""
    image_size: Annotated[Any, _later(str | int)] = None
    """For a folder of images: the size that all are brought to, 28 or 32x24, width first."""
    color: Annotated[Any, _later(_one_of(COLORS))] = None
    """For a folder of images: the channels; by default rgb where one image has colour."""
    validation: Annotated[float, _by(_check_validation, Positive)] = 0.1
    """The validation part, cut from the training part: a share of its rows below 1, or a number of rows."""
    folds: Annotated[int, _count(0)] = 0
    """How many folds of the training part score a trial; 0: the validation part scores it."""
    preprocessing: Annotated[str, _word(PREPROCESSINGS)] = ""
    """How features are scaled; by default standardise for tables, rescale for images and other arrays."""
    reduction: Annotated[str, _by(check_reduction, Reduction)] = "none"
    """What the scaled features are reduced to: none, pca:0.95 (of the variance), pca:20 or forest:20 (features)."""
    split_seed: Annotated[int | None, _count(0, MOST_SEED)] = None
    """The seed of the split, where it is not the study's seed."""
    class_weight: Annotated[str, _word(CLASS_WEIGHTS, "none")] = "none"
    """balanced: each class counts as much as any other in training."""


def _check_data(value: Any) -> DataKeys:
    if value and not isinstance(value, Mapping):
        raise ConfigError(f"data must be a mapping of {', '.join(DataKeys.model_fields)}, got {shown(value)}")
    return checked_keys(DataKeys, value or {}, "data")


class Choices(_Keys):
    """Values that a parameter may take."""

    choices: Annotated[Any, _later(Annotated[list[Scalars], Field(min_length=1)])]
    """One value at least."""
    when: Annotated[Any, _later(dict[str, Any])] = {}
    """The conditions under which the parameter exists: a parameter above this one, to its value or a list of values."""


class Range(_Keys):
    """A range of numbers that a parameter may take, both ends included."""

    low: Annotated[Any, _later(float)]
    """The lowest value. Where low and high are whole, so are all values."""
    high: Annotated[Any, _later(float)]
    """The highest value."""
    step: Annotated[Any, _later(Positive)] = None
    """The distance between values; by default 1 between whole numbers, none between others."""
    log: Annotated[Any, _later(bool)] = False
    """Whether values are drawn by their logarithm."""
    when: Annotated[Any, _later(dict[str, Any])] = {}
    """The conditions under which the parameter exists: a parameter above this one, to its value or a list of values."""


class StudyKeys(_Keys):
    """A study: what is searched, on which data, and how."""

    description: Annotated[str, _by(lambda value: str(value).strip(), str)] = ""
    """What the study is for; shown in MLflow, Optuna and the report."""
    data: Annotated[DataKeys, _by(_check_data, DataKeys | None)] = Field(default_factory=DataKeys)
    """The data, how they are split, and how features are prepared."""
    task: Annotated[Any, _later(_one_of(TASKS))] = None
    """What is predicted, where the target's values could be either."""
    objective: Annotated[str, _word(MONITORS, "")] = ""
    """The metric that trials are chosen by; by default val_accuracy, of a regression val_rmse."""
    network: Annotated[str, _by(_check_network, str)] = ""
    """mlp, the built-in network of dense layers, or FILE.py:NAME, a function of your own that builds a Keras model."""
    callbacks: Annotated[str, _by(_check_callbacks, str)] = ""
    """FILE.py:NAME of Keras callbacks for the training of your own network."""
    deterministic: Annotated[bool, _by(_check_deterministic, bool)] = True
    """false: operations of your own network are allowed whose results may differ between two runs."""
    device: Annotated[str, _word(DEVICES, "cpu")] = "cpu"
    """What trials train on."""
    sampler: Annotated[str, _word(SAMPLERS)] = "random"
    """How trials are drawn: at random, all cells of a grid, a list of configurations, or whole searches by TPE."""
    replicates: Annotated[int, _count(1)] = REPLICATES
    """How many independent whole searches sampler tpe makes."""
    trials: Annotated[int | None, _count(1, MOST_TRIALS)] = None
    """How many trials are planned, in each replicate; by default 40, or all of a grid or list."""
    seed: Annotated[int, _count(0, MOST_SEED)] = 0
    """The seed that plan, split and every trial follow from."""
    space: Annotated[Any, _later(dict[str, list[Scalars] | Choices | Range])] = None
    """The parameters to search: to each a list of choices, or a range with low and high."""
    configurations: Annotated[Any, _later(Annotated[list[dict[str, Scalars]], Field(min_length=1)])] = None
    """For sampler list: the configurations, each of parameters and their values."""
    training: Annotated[Mapping[str, Any], _by(_check_training, dict[str, Scalars] | None)] = {}
    """Parameters that all trials share."""
    pruner: Annotated[str, _word(PRUNERS)] = "none"
    """Whether trials that fall behind are ended after an epoch, and by which of Optuna's pruners."""
    targets: Annotated[tuple[float, ...], _by(_check_targets, float | list[float])] = ()
    """Scores to reach, named before the search has data; the report says how many trials each needs."""

    @model_validator(mode="after")
    def _check_together(self) -> "StudyKeys":
        said = self.model_fields_set
        if "replicates" in said and self.sampler != "tpe":
            raise ConfigError(f"replicates belong to the sampler tpe, got them with sampler {self.sampler!r}")
        if self.sampler == "list" and "space" in said:
            raise ConfigError("a list study has configurations and no space, got both")
        if self.sampler != "list" and "configurations" in said:
            raise ConfigError(f"configurations belong to the sampler list, got them with sampler {self.sampler!r}")
        return self

    @property
    def source(self) -> dict[str, Any]:
        """The keys of models.data.sources.Source that the study says, its default data set included."""
        said = {key: getattr(self.data, key) for key in SOURCE_KEYS if key in self.data.model_fields_set}
        return {"dataset": self.data.dataset} | said | ({"task": self.task} if "task" in self.model_fields_set else {})


Model = TypeVar("Model", bound=_Keys)


def checked_keys(model: type[Model], written: Mapping[Any, Any], what: str) -> Model:
    """The content of a mapping of a study file; `what` names the mapping.

    Raises:
        ConfigError: a key is unknown, or a value breaks its rule.
    """
    for key in written:
        if key not in model.model_fields:
            raise ConfigError(no_such(key, f"key of {what}", model.model_fields))
    try:
        return model.model_validate(dict(written))
    except ValidationError as error:
        raise error.errors()[0]["ctx"]["error"] from None  # all rules are ours, and raise ConfigError


class _ForReaders(GenerateJsonSchema):
    """A schema without titles, which would repeat the keys, and without defaults that are no values of the keys."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def default_schema(self, schema: Any) -> dict[str, Any]:
        made = super().default_schema(schema)
        if made.get("default", 0) in (None, ""):
            del made["default"]
        return made


def schema() -> dict[str, Any]:
    """The JSON schema of a study file."""
    made = StudyKeys.model_json_schema(schema_generator=_ForReaders)
    keys = made["properties"]
    configuration, training = keys["configurations"]["items"], keys["training"]["anyOf"][0]
    for kind, values in (("Searched", keys["space"]), ("Value", configuration), ("Value", training)):
        made["$defs"][kind] = values["additionalProperties"]
        values["additionalProperties"] = {"$ref": f"#/$defs/{kind}"}
        values["properties"] = {name: _explained(name) | values["additionalProperties"] for name in PARAMETERS}
    return {"$schema": _ForReaders.schema_dialect, **made, "title": "A study file"}


def _explained(name: str) -> dict[str, Any]:
    """A parameter for an editor. A network of the user's own may take other words: they are examples, no rule."""
    words = PARAMETERS[name].words
    return {"description": PARAMETERS[name].meaning} | ({"examples": [*words]} if words else {})
