"""The user's function, of one of three kinds that its parameters tell apart, and how it is called."""

import inspect
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from models.core.errors import ConfigError, shown
from models.core.suggestions import did_you_mean, listed
from models.spaces.answers import Answers
from models.spaces.hyperparameters import HyperParameters
from models.spaces.modules import paths_of
from models.spaces.source import Source
from models.spaces.trials import Trial

KEYWORDS, HP, TRIAL = "keywords", "hp", "trial"
_FIRST = {"hp": HP, "hps": HP, "hparams": HP, "hyperparameters": HP, "hyper_parameters": HP, "trial": TRIAL}
"""By the first parameter's name."""
_ANNOTATED = {"HyperParameters": HP, "Trial": TRIAL, "FrozenTrial": TRIAL, "FixedTrial": TRIAL}
GIVEN = ("input_shape", "n_outputs")
"""What a function of any kind can ask for by the name of a parameter."""
_BY_NAME = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


@dataclass(frozen=True)
class UserFunction:
    """What builds the user's network. `read_function` makes it."""

    source: Source
    kind: str
    """KEYWORDS: `build(units=64)`; HP: KerasTuner's `build(hp)`, or an object's; TRIAL: Optuna's `build(trial)`."""
    call: Callable[..., Any]
    given: Mapping[str, Any]
    """What it is called with beside that: of GIVEN what it has as parameters."""
    input_shape: Any = None
    """Of one row, or by the input's name, where the study's data are known."""
    keywords: tuple[str, ...] = ()
    """Of a function of keywords: what can be searched."""
    required: tuple[str, ...] = ()
    """Those of them that have no default."""
    any_keyword: bool = False
    """Whether it takes others beside them."""
    fit: Callable[..., Any] | None = None
    """`fit(hp, model, *args, **kwargs)` of an object of KerasTuner's kind."""

    @property
    def name(self) -> str:
        return self.source.function

    def check_names(self, names: Iterable[str]) -> None:
        """Refuses what a study's space and training say to a function of keywords where it has no such parameter.

        Raises:
            ConfigError: a name is no parameter of it, or one without a default is not among the names.
        """
        asked = tuple(names)
        for name in asked:
            if name not in self.keywords and (name in GIVEN or not self.any_keyword):
                raise ConfigError(
                    f"{self.name} must have what the study names as its parameter (it has "
                    f"{listed(self.keywords) or 'none'}), got {shown(name)}{did_you_mean(name, self.keywords)}"
                )
        lacking = [name for name in self.required if name not in asked]
        if lacking:
            raise ConfigError(
                f"a study must name each parameter of {self.name} that has no default, got none for "
                f"{', '.join(lacking)} (a function for KerasTuner names its first parameter hp, one for Optuna trial)"
            )

    def asking(self, answers: Answers, number: int) -> Any:
        """What the function is called with: an `hp` or a `trial` that has `answers`."""
        return Trial(answers, number) if self.kind == TRIAL else HyperParameters(answers)

    def build(self, asked: Any) -> Any:
        """The network, a `keras.Model`: `asked` is an `hp` or `trial`, or the keywords of a function of keywords.

        Raises:
            ConfigError: what it returned is no network. What the function itself raises comes through.
        """
        built = self.call(**asked, **self.given) if self.kind == KEYWORDS else self.call(asked, **self.given)
        if not isinstance(built, _model_class()):
            code = getattr(inspect.unwrap(self.call), "__code__", None)
            file = paths_of(self.source).get(code.co_filename) if code else None
            place = f" ({file} line {code.co_firstlineno})" if code and file else ""
            raise ConfigError(f"{self.name} must return a keras.Model{place}, got {shown(built)}")
        return built


def read_function(source: Source, module: ModuleType, given: Mapping[str, Any]) -> UserFunction:
    """The function, class or object of the user's module that `source` names; `given` has values for GIVEN.

    A class is made without arguments, or with those of GIVEN that it asks for.

    Raises:
        ConfigError: there is none, or its parameters are none that it could be called with.
    """
    name, shape = source.function, given.get("input_shape")
    found = getattr(module, name, None)
    own_model = inspect.isclass(found) and issubclass(found, _model_class())
    if inspect.isclass(found) and not own_model and callable(getattr(found, "build", None)):
        found = found(**_wanted(name, _signature(name, found), given, "made with"))
    built_by_method = not own_model and not inspect.isroutine(found) and callable(getattr(found, "build", None))
    call = getattr(found, "build", None) if built_by_method else found
    if not callable(call) or isinstance(found, _model_class()) or (inspect.isclass(call) and not own_model):
        rule = "a function or a class of models, which makes each trial its own, or a class or object with build(hp)"
        raise ConfigError(f"network must name {rule}, got {name} = {shown(found)}")
    signature = _signature(name, call)
    if own_model:  # Keras' own __new__ hides what __init__ takes
        initial = _signature(name, call.__init__)
        signature = initial.replace(parameters=list(initial.parameters.values())[1:])
    kind = _kind(name, signature, built_by_method)
    parameters = signature.parameters
    if kind != KEYWORDS:
        rest = signature.replace(parameters=list(parameters.values())[1:])
        fit = getattr(found, "fit", None) if built_by_method and kind == HP else None
        wanted = _wanted(name, rest, given, f"called with, beside {kind},")
        return UserFunction(source, kind, call, wanted, shape, fit=fit)
    for parameter in parameters.values():
        if parameter.kind is inspect.Parameter.POSITIONAL_ONLY and parameter.default is inspect.Parameter.empty:
            raise ConfigError(f"{name} must have parameters that can be named, got {str(parameter)!r} before a '/'")
    own = [p for p in parameters.values() if p.kind in _BY_NAME and p.name not in GIVEN]
    return UserFunction(
        source,
        kind,
        call,
        {key: value for key, value in given.items() if key in parameters},
        shape,
        keywords=tuple(parameter.name for parameter in own),
        required=tuple(parameter.name for parameter in own if parameter.default is inspect.Parameter.empty),
        any_keyword=any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values()),
    )


def _kind(name: str, signature: inspect.Signature, built_by_method: bool) -> str:
    """By the annotation or name of the first parameter; a method `build` of whatever name has an `hp`."""
    parameters = list(signature.parameters.values())
    if not parameters:
        if built_by_method:
            raise ConfigError(f"{name} must have a method build(self, hp), got build() without a parameter")
        return KEYWORDS
    first = parameters[0]
    written = first.annotation if isinstance(first.annotation, str) else getattr(first.annotation, "__name__", "")
    by_annotation = _ANNOTATED.get(written.rpartition(".")[2].strip("'\""))
    is_needed = first.default is inspect.Parameter.empty and first.kind is not inspect.Parameter.VAR_KEYWORD
    by_name = _FIRST.get(first.name.lower()) if is_needed else None
    return by_annotation or by_name or (HP if built_by_method else KEYWORDS)


def _signature(name: str, found: Any) -> inspect.Signature:
    try:
        return inspect.signature(found)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"network must name a function whose parameters are known, got {name}: {error}") from None


def _wanted(name: str, signature: inspect.Signature, given: Mapping[str, Any], how: str) -> dict[str, Any]:
    """Of GIVEN, what the parameters name; others must have defaults."""
    wanted = {}
    for parameter in signature.parameters.values():
        if parameter.name in given and parameter.kind in _BY_NAME:
            wanted[parameter.name] = given[parameter.name]
        elif parameter.default is inspect.Parameter.empty and parameter.kind not in (
            inspect.Parameter.VAR_POSITIONAL,
            inspect.Parameter.VAR_KEYWORD,
        ):
            raise ConfigError(f"{name} can be {how} {' and '.join(GIVEN)}, got the parameter {parameter.name!r}")
    return wanted


def _model_class() -> Any:
    # Whoever has a model has imported Keras.
    return getattr(sys.modules.get("keras"), "Model", ())
