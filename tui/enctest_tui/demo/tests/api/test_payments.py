"""The payments service."""

from __future__ import annotations

import httpx
import pytest

pytestmark = pytest.mark.anyio


def payment(order: int, *, amount: int = 20_00, card: str = "4242424242424242") -> dict[str, object]:
    return {"order_id": order, "amount": amount, "card": card}


async def test_a_good_card_pays(payments: httpx.AsyncClient, order: int) -> None:
    response = await payments.post("/payments", json=payment(order))

    assert response.status_code == 201
    assert response.json()["card"] == "•••• 4242"


async def test_an_order_is_charged_once(payments: httpx.AsyncClient, order: int) -> None:
    first = await payments.post("/payments", json=payment(order))
    again = await payments.post("/payments", json=payment(order))

    assert again.json()["reference"] == first.json()["reference"]


async def test_the_payment_can_be_read(payments: httpx.AsyncClient, order: int) -> None:
    paid = await payments.post("/payments", json=payment(order))

    assert (await payments.get(f"/payments/{order}")).json() == paid.json()


async def test_no_payment_no_answer(payments: httpx.AsyncClient, order: int) -> None:
    assert (await payments.get(f"/payments/{order}")).status_code == 404


@pytest.mark.parametrize(
    ("card", "status"),
    [("4000 0000 0000 0002", 402), ("4242 4242 4242 4241", 422)],
    ids=["declined", "typing error"],
)
async def test_a_bad_card_does_not_pay(
    payments: httpx.AsyncClient, order: int, card: str, status: int
) -> None:
    assert (await payments.post("/payments", json=payment(order, card=card))).status_code == status
    assert (await payments.get(f"/payments/{order}")).status_code == 404


@pytest.mark.skip(reason="the bank's sandbox has no refunds yet")
async def test_a_refund_gives_the_money_back(payments: httpx.AsyncClient, order: int) -> None:
    await payments.post("/payments", json=payment(order))

    assert (await payments.delete(f"/payments/{order}")).status_code == 204
