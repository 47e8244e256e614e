"""Services start when they are called first, and a start that failed is tried again."""

import asyncio

import pytest

from enctest import Secret, Service, api, et
from shop.payments import Payments
from shop.stock import Stock


class Fragile(Service):
    """Starts at the second attempt."""

    attempts = 0

    def start(self) -> None:
        Fragile.attempts += 1
        if Fragile.attempts == 1:
            raise ConnectionError("not yet")

    @api
    def ready(self) -> bool:
        return True


def test_a_failing_start_says_why_and_is_tried_again() -> None:
    with pytest.raises(Exception, match="Fragile could not start: ConnectionError: not yet"):
        Fragile.ready()
    assert Fragile.ready()


def test_an_asynchronous_start_is_awaited() -> None:
    et.enable_service_instance_isolation()
    assert asyncio.run(Stock.reserve("ink", 3))


def test_arguments_are_checked() -> None:
    with pytest.raises(ValueError, match="Payments.charge: cents"):
        Payments.charge("alice", "much", card="1")  # type: ignore


def test_a_missing_secret_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SHOP_NO_SUCH_KEY", raising=False)
    with pytest.raises(LookupError, match="The secret SHOP_NO_SUCH_KEY is missing"):
        Secret("SHOP_NO_SUCH_KEY")()
