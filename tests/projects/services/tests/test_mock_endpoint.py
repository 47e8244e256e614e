"""A double of one endpoint: as a helper, as a fixture, as a marker, and for an asynchronous one."""

import asyncio
from collections.abc import Iterator

import pytest

from enctest import as_user, et
from shop.orders import Orders, journal
from shop.payments import Payments
from shop.stock import Stock


@pytest.fixture(autouse=True)
def alice() -> Iterator[None]:
    with as_user("alice", "customer"):
        yield


def test_a_function_stands_for_an_endpoint() -> None:
    charged: list[int] = []

    def charge(customer: str, cents: int, card: str) -> str:
        charged.append(cents)
        return "paid"

    et.mock_endpoint(Payments.charge, charge)
    assert Orders.place("pen", 2).receipt == "paid"
    assert charged == [200]


def free(customer: str, cents: int, card: str) -> str:
    return "for free"


@pytest.mark.mock_endpoint(Payments.charge, free)
def test_a_marker_does_the_same() -> None:
    assert Orders.place("pen").receipt == "for free"


def test_none_removes_what_a_wider_scope_has_set() -> None:
    et.mock_endpoint(Payments.charge, lambda customer, cents, card: "double")
    et.mock_endpoint(Payments.charge, None)
    assert Orders.place("pen").receipt.startswith("test-")


def test_an_asynchronous_endpoint_may_have_a_plain_double() -> None:
    et.mock_endpoint(Stock.reserve, lambda item, pieces: item == "gold")
    assert asyncio.run(Stock.reserve("gold", 1_000_000))


def test_middleware_runs_if_asked_for() -> None:
    found = Orders.place("pen")
    journal.clear()
    et.mock_endpoint(Orders.get, lambda number: found)
    Orders.get(1)
    assert journal == []
    et.mock_endpoint(Orders.get, lambda number: found, run_middleware=True)
    Orders.get(1)
    assert journal == ["Orders.get"]


def test_a_double_that_does_not_fit_is_refused() -> None:
    with pytest.raises(TypeError, match="The double of Payments.charge cannot be called as it is"):
        et.mock_endpoint(Payments.charge, lambda customer: "paid")  # type: ignore
