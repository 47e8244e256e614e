"""How the orders service calls the payments service."""

from __future__ import annotations

import httpx
import pytest

from enctest import et
from shop.errors import BankBusyError
from shop.orders.payments import PaymentsClient
from shop.payments.bank import Bank

pytestmark = pytest.mark.anyio

CARD = "4242424242424242"


def busy(times: int) -> None:
    """Let the bank put off so many requests, as the real one does at noon."""
    left = iter(range(times))

    def authorise(card: str, amount: int) -> str:
        if next(left, None) is not None:
            raise BankBusyError("the bank is busy, try again later")
        return "at last"

    et.mock_endpoint(Bank.authorise, authorise)


async def test_a_busy_bank_is_asked_again_after_growing_pauses(
    payments: httpx.AsyncClient, order: int
) -> None:
    busy(2)

    assert await PaymentsClient(payments).charge(order, 10_90, CARD) == "at last"
    assert et.spans().named("Bank.authorise").count == 3


async def test_a_bank_that_stays_busy_is_an_error(payments: httpx.AsyncClient, order: int) -> None:
    busy(99)

    with pytest.raises(BankBusyError, match="try again later"):
        await PaymentsClient(payments, pauses=[0.01, 0.02]).charge(order, 10_90, CARD)
