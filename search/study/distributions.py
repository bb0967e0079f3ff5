"""Domains as Optuna's distributions."""

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from models.core.parameters import Scalar
from models.spaces.domains import Domain as AskedDomain
from search.study.plan import PlannedTrial
from search.study.settings import StudySettings
from search.study.space import Domain


def distributions(settings: StudySettings, planned: PlannedTrial) -> dict[str, BaseDistribution]:
    """Optuna's distributions of the parameters that exist in one trial."""
    parameters = planned.parameters
    if planned.asked:
        return {name: _of_asked(AskedDomain.from_json(written)) for name, written in planned.asked.items()}
    if settings.sampler == "list":
        seen: dict[str, dict[Scalar, None]] = {name: {} for name in parameters}
        for configuration in settings.configurations:
            for name, value in configuration:
                if name in seen:
                    seen[name].setdefault(value)
        return {name: CategoricalDistribution(list(values)) for name, values in seen.items()}
    return {domain.name: distribution_of(domain) for domain in settings.space if domain.name in parameters}


def distribution_of(domain: Domain) -> BaseDistribution:
    if domain.choices:
        return CategoricalDistribution(domain.choices)
    if domain.integer:
        return IntDistribution(int(domain.low), int(domain.high), log=domain.log, step=int(domain.step or 1))
    return FloatDistribution(domain.low, domain.high, log=domain.log, step=domain.step)


def _of_asked(domain: AskedDomain) -> BaseDistribution:
    """The nearest distribution of Optuna, which has no multiplying steps and no reversed logarithmic range."""
    if domain.kind == "choice":
        return CategoricalDistribution(domain.choices)
    log = domain.sampling == "log"
    step = domain.step if domain.sampling == "linear" else None
    if domain.kind == "int":
        return IntDistribution(int(domain.low), int(domain.high), log=log, step=int(step or 1))
    return FloatDistribution(float(domain.low), float(domain.high), log=log, step=step)
