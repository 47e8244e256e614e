"""How the orders service calls the payments service."""

from __future__ import annotations

import httpx
import pytest

from shop.errors import BankBusyError
from shop.orders.payments import PaymentsClient
from shop.payments.bank import SandboxBank

pytestmark = pytest.mark.anyio

CARD = "4242424242424242"


async def test_a_busy_bank_is_asked_again_after_growing_pauses(
    payments: httpx.AsyncClient, bank: SandboxBank, order: int
) -> None:
    bank.busy = 2
    reference = await PaymentsClient(payments).charge(order, 10_90, CARD)

    assert (await payments.get(f"/payments/{order}")).json()["reference"] == reference


async def test_a_bank_that_stays_busy_is_an_error(
    payments: httpx.AsyncClient, bank: SandboxBank, order: int
) -> None:
    bank.busy = 99

    with pytest.raises(BankBusyError, match="try again later"):
        await PaymentsClient(payments, pauses=[0.01, 0.02]).charge(order, 10_90, CARD)
