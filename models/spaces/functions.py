"""The user's function, of one of three kinds that its parameters tell apart, and the calls of it."""

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
"""The kind by the name of the first parameter."""
_ANNOTATED = {"HyperParameters": HP, "Trial": TRIAL, "FrozenTrial": TRIAL, "FixedTrial": TRIAL}
GIVEN = ("input_shape", "n_outputs")
"""The parameters by which a function of any kind can ask for the shape of its data."""
_BY_NAME = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


@dataclass(frozen=True)
class UserFunction:
    """The function, class or object that builds the user's network, as `read_function` finds it."""

    source: Source
    kind: str
    """KEYWORDS: `build(units=64)`; HP: KerasTuner's `build(hp)`, or an object's; TRIAL: Optuna's `build(trial)`."""
    call: Callable[..., Any]
    given: Mapping[str, Any]
    """The further arguments of each call: the names of GIVEN that the function has as parameters, and their values."""
    input_shape: Any = None
    """The shape of one row, or a shape for each input's name; None where no data are known."""
    keywords: tuple[str, ...] = ()
    """For a function of keywords: the parameters that can be searched."""
    required: tuple[str, ...] = ()
    """The `keywords` that have no default."""
    any_keyword: bool = False
    """Whether the function takes keywords beside `keywords`."""
    fit: Callable[..., Any] | None = None
    """The method `fit(hp, model, *args, **kwargs)` of an object of KerasTuner's kind."""

    @property
    def name(self) -> str:
        return self.source.function

    def check_names(self, names: Iterable[str]) -> None:
        """Checks the names that a study's space and training give to a function of keywords.

        Raises:
            ConfigError: the function has no such parameter, or a parameter without a default is not among the names.
        """
        asked = tuple(names)
        for name in asked:
            if name not in self.keywords and (name in GIVEN or not self.any_keyword):
                raise ConfigError(
                    f"{self.name} must have a parameter for each name of the study (it has "
                    f"{listed(self.keywords) or 'none'}), got {shown(name)}{did_you_mean(name, self.keywords)}"
                )
        lacking = [name for name in self.required if name not in asked]
        if lacking:
            raise ConfigError(
                f"a study must name each parameter of {self.name} that has no default, got none for "
                f"{', '.join(lacking)} (a function for KerasTuner names its first parameter hp, one for Optuna trial)"
            )

    def asking(self, answers: Answers, number: int) -> Any:
        """The first argument of the function: an `hp` or a `trial` that has `answers`."""
        return Trial(answers, number) if self.kind == TRIAL else HyperParameters(answers)

    def build(self, asked: Any) -> Any:
        """The network, a `keras.Model`; `asked` is an `hp` or `trial`, or the keywords of a function of keywords.

        Raises:
            ConfigError: the function returned no network. Errors of the function itself come through.
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

    A class is made without arguments, or with the arguments of GIVEN that it asks for.

    Raises:
        ConfigError: the module has no such function, or the function has parameters that no call could fill.
    """
    name = source.function
    found, call, signature = _callable_of(name, getattr(module, name, None), given)
    by_method = call is not found
    kind = _kind(name, signature, by_method)
    if kind == KEYWORDS:
        return _of_keywords(source, call, signature, given)
    rest = signature.replace(parameters=list(signature.parameters.values())[1:])
    wanted = _wanted(name, rest, given, f"called with, beside {kind},")
    fit = getattr(found, "fit", None) if by_method and kind == HP else None
    return UserFunction(source, kind, call, wanted, given.get("input_shape"), fit=fit)


def _callable_of(name: str, found: Any, given: Mapping[str, Any]) -> tuple[Any, Callable[..., Any], inspect.Signature]:
    """The object that builds networks, the call of it that does, and the signature of that call.

    The call is the object's method `build`, or the object itself.
    """
    own_model = inspect.isclass(found) and issubclass(found, _model_class())
    if inspect.isclass(found) and not own_model and callable(getattr(found, "build", None)):
        found = found(**_wanted(name, _signature(name, found), given, "made with"))
    by_method = not own_model and not inspect.isroutine(found) and callable(getattr(found, "build", None))
    call = found.build if by_method else found
    if not callable(call) or isinstance(found, _model_class()) or (inspect.isclass(call) and not own_model):
        rule = "a function or a class of models, which makes each trial its own, or a class or object with build(hp)"
        raise ConfigError(f"network must name {rule}, got {name} = {shown(found)}")
    signature = _signature(name, call)
    if own_model:  # Keras' own __new__ hides the parameters of __init__
        initial = _signature(name, call.__init__)
        signature = initial.replace(parameters=list(initial.parameters.values())[1:])
    return found, call, signature


def _of_keywords(
    source: Source, call: Callable[..., Any], signature: inspect.Signature, given: Mapping[str, Any]
) -> UserFunction:
    parameters = signature.parameters
    for parameter in parameters.values():
        if parameter.kind is inspect.Parameter.POSITIONAL_ONLY and parameter.default is inspect.Parameter.empty:
            raise ConfigError(
                f"{source.function} must have parameters that can be named, got {str(parameter)!r} before a '/'"
            )
    own = [p for p in parameters.values() if p.kind in _BY_NAME and p.name not in GIVEN]
    return UserFunction(
        source,
        KEYWORDS,
        call,
        {key: value for key, value in given.items() if key in parameters},
        given.get("input_shape"),
        keywords=tuple(parameter.name for parameter in own),
        required=tuple(parameter.name for parameter in own if parameter.default is inspect.Parameter.empty),
        any_keyword=any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values()),
    )


def _kind(name: str, signature: inspect.Signature, built_by_method: bool) -> str:
    """The kind, by the annotation or the name of the first parameter; a method `build` has an `hp` under any name."""
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
    """The arguments of GIVEN for which there are parameters; all other parameters must have defaults."""
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
    # A process that has a model has imported Keras.
    return getattr(sys.modules.get("keras"), "Model", ())
