"""A domain has the values that KerasTuner and Optuna document."""

import math
from typing import Any

import numpy as np
import pytest

from models.core.errors import ConfigError
from models.spaces.domains import Domain, choice, real, whole


def values(domain: Domain) -> list[Any]:
    assert domain.count is not None
    return [domain.at(place) for place in range(domain.count)]


def even(domain: Domain, count: int = 2000) -> list[Any]:
    """Values at fractions spread evenly over [0, 1), the last one just below 1."""
    return [domain.at_fraction(place / count) for place in range(count)] + [domain.at_fraction(1 - 2**-53)]


@pytest.mark.parametrize(
    ("domain", "expected"),
    [
        (whole("n", 6, 12), [6, 7, 8, 9, 10, 11, 12]),
        (whole("n", 6, 13, 3), [6, 9, 12]),
        (whole("n", 2, 32, 2, "log"), [2, 4, 8, 16, 32]),
        (whole("n", 2, 33, 2, "reverse_log"), [2 + 33 - 2, 33 + 2 - 4, 33 + 2 - 8, 33 + 2 - 16, 33 + 2 - 32]),
        (real("x", 0, 0.5, 0.1), [0, 0.1, 0.2, 0.3, 0.4, 0.5]),
        (real("x", 0, 1, 0.2), [0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (real("x", 0.001, 10, 10, "log"), [0.001, 0.01, 0.1, 1, 10]),
        (real("x", 0, 1, 1 / 3), [0, 1 / 3, 2 / 3, 1]),
        (real("x", np.float32(0.1), np.float32(0.3), np.float32(0.1)), [0.1, 0.2, 0.3]),
        (real("x", 2, 2), [2.0]),
        (choice("c", [32, 16, 64, 16]), [16, 32, 64]),
        (choice("c", {"tanh", "relu"}), ["relu", "tanh"]),
    ],
    ids=str,
)
def test_steps_reach_the_values_that_are_documented_the_top_of_a_float_too(domain: Domain, expected: list[Any]) -> None:
    assert values(domain) == (pytest.approx(expected, rel=1e-6) if domain.kind == "float" else expected)
    assert values(domain) == sorted(values(domain)) or domain.sampling == "reverse_log"
    drawn = even(domain)
    assert set(drawn) == set(values(domain))
    counts = [drawn.count(value) for value in values(domain)]
    assert max(counts) - min(counts) <= 2  # all values are equally frequent


@pytest.mark.parametrize("sampling", ["linear", "log", "reverse_log"])
def test_ranges_without_steps_follow_the_documented_formula(sampling: str) -> None:
    domain = real("x", 1e-4, 0.1, sampling=sampling)
    for p in (0.0, 0.25, 0.5, 0.9, 1 - 2**-53):
        log, reverse = 1e-4 * 1000**p, 0.1 + 1e-4 - 1e-4 * 1000 ** (1 - p)
        expected = {"linear": 1e-4 + p * (0.1 - 1e-4), "log": log, "reverse_log": reverse}
        assert domain.at_fraction(p) == pytest.approx(expected[sampling])
    whole_numbers = whole("n", 1, 9, sampling=sampling)
    drawn = even(whole_numbers)
    assert set(drawn) == set(range(1, 10))
    if sampling == "log":
        assert drawn.count(1) / len(drawn) == pytest.approx(math.log(2, 10), abs=0.01)  # int(1 * 10 ** p) == 1
        assert whole_numbers.count is None


def test_the_ends_of_what_float64_can_say_stay_inside_their_range() -> None:
    for low, high, sampling in ((1e-320, 1e300, "log"), (1e-320, 1e-310, "reverse_log"), (-1e300, 1e300, "linear")):
        domain = real("x", low, high, sampling=sampling)
        assert all(low <= value <= high and math.isfinite(value) for value in even(domain, 99))
    assert even(whole("n", -(2**53), 2**53))[0] == -(2**53)
    assert choice("c", [10**30, 1]).at(1) == 10**30


def test_the_last_step_stays_the_last_one_however_coarse_the_numbers_are() -> None:
    for low, high, step, count in (
        (3505488446917.0166, 3505488446917.8364, 1 / 3, 3),
        (0.1, 0.7, 0.1, 7),
        (2**53 - 9, 2**53, 3, 4),
        (2**53 - 9, 2**53 - 1, 3, 3),
    ):
        domain = real("x", low, high, step) if isinstance(low, float) else whole("n", low, high, step)
        assert domain.count == count
        assert domain.at(count - 1) == domain.high


def test_values_are_plain_whatever_was_given() -> None:
    class Word(str):
        pass

    for domain, kind in (
        (choice("c", np.array([8, 16])), int),
        (choice("c", [np.float32(0.5)]), float),
        (choice("c", [np.bool_(True)]), bool),
        (choice("c", [Word("a"), np.str_("b")]), str),
        (whole("n", np.int64(1), 4.0), int),
        (real("x", 0, 1, 1), float),
    ):
        assert all(type(value) is kind for value in values(domain))


@pytest.mark.parametrize("unknown", [None, (1, 2), object(), b"x", math.nan, math.inf, 1j, "a" * 1001, "\0", "\ud800"])
def test_a_value_that_cannot_be_written_down_is_refused(unknown: object) -> None:
    with pytest.raises(ConfigError, match=r"^c must have (numbers, words or booleans|words of 1,000 characters)"):
        choice("c", ["a", unknown])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: choice("c", []), "c must have one choice at least"),
        (lambda: choice("c", "relu"), "c must have a list of choices, got 'relu'"),
        (lambda: choice("c", [1, True]), "c must have choices that differ, got 1 and True"),
        (lambda: whole("n", 1, 2.5), "n must have whole numbers .*, got high 2.5"),
        (lambda: whole("n", 0, 2**60), "n must have whole numbers up to 2.*53"),
        (lambda: whole("n", True, 3), "got low True"),
        (lambda: whole("n", 5, 4), "n must have its lower end first, got 5 and 4"),
        (lambda: whole("n", 1, 9, 0), "n must have a step above 0"),
        (lambda: whole("n", 1, 9, 1, "log"), "n must have a step above 1 for log sampling"),
        (lambda: real("x", 0, 1, sampling="log"), "x must have ends above 0 for log sampling, got 0.0"),
        (lambda: real("x", 0, 1, sampling="lin"), "x must have a sampling of .*; did you mean 'linear'"),
        (lambda: real("x", 0, math.inf), "x must have finite numbers"),
        (lambda: real("x", -1e308, 1.7e308), "whose distance float64 can hold"),
        (lambda: real("x", 0, 10**400), "x must have ends that float64 can hold"),
        (lambda: real("x", None, 1), "got low None"),
    ],
)
def test_what_makes_no_domain_is_refused_in_a_line(make: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as refused:
        make()
    assert "\n" not in str(refused.value)


def test_a_domain_goes_through_json_and_its_values_through_text() -> None:
    for domain in (
        choice("c", ["a", "1"]),
        choice("c", [0.1, 3.0]),
        whole("n", 1, 9, 2),
        real("x", 1e-320, 1, None, "log"),
    ):
        assert Domain.from_json(domain.as_json()) == domain
        value = domain.at_fraction(0.4)
        assert domain.match(value) == domain.match(str(value)) == value
        assert domain.match("nowhere") is None
    assert choice("c", [0.0, 1.0]).match(np.int64(1)) == 1.0
    assert whole("n", 1, 9).match(10) is None
    assert whole("n", 0, 9).match(True) is None
