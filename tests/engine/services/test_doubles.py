"""Doubles of endpoints and services within one test; scopes are in test_scopes.py."""

from __future__ import annotations

import asyncio
from typing import Any
from unittest.mock import AsyncMock, Mock, create_autospec

import pytest

from enctest import Service, api, et
from enctest.services.errors import BadDoubleError, InvalidCallError, InvalidResultError


class Rates(Service):
    @api
    def rate(self, item: str, *, day: int = 0) -> float:
        return 1.0

    @api
    async def later(self, item: str) -> float:
        return 1.0

    @api
    def words(self, found: list[str]) -> list[str]:
        return found


class Orders(Service):
    @api
    def price(self, item: str) -> float:
        return 10 * Rates.rate(item)


def test_an_endpoint_has_a_double() -> None:
    et.mock_endpoint(Rates.rate, lambda item, *, day=0: len(item) + day)
    assert Orders.price("pen") == 30
    assert Rates.rate("pen", day=1) == 4


def test_the_test_before_left_nothing() -> None:
    assert Orders.price("pen") == 10


def test_an_asynchronous_endpoint_takes_plain_and_asynchronous_doubles() -> None:
    async def double(item: str) -> float:
        await asyncio.sleep(0)
        return 2

    et.mock_endpoint(Rates.later, double)
    assert asyncio.run(Rates.later("pen")) == 2
    et.mock_endpoint(Rates.later, lambda item: 3)
    assert asyncio.run(Rates.later("pen")) == 3
    et.mock_endpoint(Rates.later, AsyncMock(return_value=4))
    assert asyncio.run(Rates.later("pen")) == 4


def test_a_service_has_a_double_that_needs_only_what_is_called() -> None:
    class Fixed:
        def rate(self, item: str, *, day: int = 0) -> float:
            return 7

    et.mock_service(Rates, Fixed())
    assert Orders.price("pen") == 70
    with pytest.raises(BadDoubleError, match=r"double of Rates \(Fixed\) has no method 'later'"):
        asyncio.run(Rates.later("pen"))


def test_mocks_of_the_standard_library_fit() -> None:
    double = Mock()
    double.rate.return_value = 2
    et.mock_service(Rates, double)
    assert Rates.rate("pen") == 2
    double.rate.assert_called_once_with("pen", day=0)
    spec = create_autospec(Rates.rate.function, return_value=3)
    with pytest.raises(BadDoubleError, match="cannot be called as it is"):
        et.mock_endpoint(Rates.rate, spec)  # it has the parameter `self` as well


def test_the_double_of_an_endpoint_beats_that_of_its_service_and_none_removes() -> None:
    class Fixed:
        def rate(self, item: str, *, day: int = 0) -> float:
            return 7

    et.mock_endpoint(Rates.rate, lambda item, *, day=0: 5)
    et.mock_service(Rates, Fixed())
    assert Rates.rate("pen") == 5
    et.mock_endpoint(Rates.rate, None)
    assert Rates.rate("pen") == 7
    et.mock_service(Rates, None)
    assert Rates.rate("pen") == 1


def test_arguments_and_results_of_doubles_are_checked_and_copied() -> None:
    kept: list[list[str]] = []

    def double(found: list[str]) -> list[str]:
        kept.append(found)
        return found

    et.mock_endpoint(Rates.words, double)
    given = ["a"]
    result = Rates.words(given)
    given.append("b")
    result.append("c")
    assert kept == [["a"]]
    with pytest.raises(InvalidCallError):
        Rates.words("no list")  # type: ignore[arg-type]
    et.mock_endpoint(Rates.words, lambda found: 1)  # type: ignore[arg-type, return-value]
    with pytest.raises(InvalidResultError):
        Rates.words([])


class _Half:
    def rate(self, thing: str) -> float:
        return 1


async def _asynchronous(item: str, *, day: int = 0) -> float:
    return 1


@pytest.mark.parametrize(
    ("helper", "args", "message"),
    [
        (
            et.mock_endpoint,
            (Rates.rate, lambda: 1),
            "double of Rates.rate cannot be called as it is: too many",
        ),
        (et.mock_endpoint, (Rates.rate, lambda item: 1), "unexpected keyword argument 'day'"),
        (et.mock_endpoint, (Rates.rate, lambda name, day=0: 1), "missing a required argument: 'name'"),
        (et.mock_endpoint, (Rates.rate, lambda item, day, why: 1), "missing a required argument: 'why'"),
        (et.mock_endpoint, (Rates.rate, 3), "The double of Rates.rate is int, which cannot be called"),
        (et.mock_endpoint, (Rates.rate, _asynchronous), "is asynchronous, the endpoint is not"),
        (et.mock_endpoint, ("Rates.rate", lambda: 1), "takes an endpoint, and str 'Rates.rate' is none"),
        (et.mock_endpoint, (Rates().rate, lambda: 1), "takes an endpoint, and Rates.rate is none"),
        (et.mock_service, (Rates(), Mock()), "takes the class of a service"),
        (et.mock_service, (Service, Mock()), "takes the class of a service, and Service is none"),
        (et.mock_service, (Rates, object()), "has none of its endpoints"),
        (et.mock_service, (Rates, _Half()), "double of Rates.rate cannot be called"),
        (et.enable_service_instance_isolation, ("yes",), "takes True or False, not 'yes'"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_does_not_fit_is_refused_when_it_is_set(helper: Any, args: Any, message: str) -> None:
    with pytest.raises(BadDoubleError, match=message):
        helper(*args)
    assert Rates.rate("pen") == 1
