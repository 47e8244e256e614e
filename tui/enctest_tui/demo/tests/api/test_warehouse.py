"""What becomes of an order once it is paid: the warehouse is told, and packs it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import httpx
import pytest

from enctest import et
from shop.catalogue.products import Product
from shop.warehouse import OrderPaid, Warehouse, paid

pytestmark = pytest.mark.anyio

MakeProduct = Callable[..., Awaitable[Product]]
PlaceOrder = Callable[..., Awaitable[httpx.Response]]


async def test_a_paid_order_is_told_to_the_warehouse(
    place_order: PlaceOrder, make_product: MakeProduct, customer: str
) -> None:
    tea = await make_product()
    number = (await place_order({tea.sku: 1})).json()["id"]
    await place_order({tea.sku: 1}, card="4000 0000 0000 0002")

    assert et.published_messages(paid) == [OrderPaid(order=number, customer=customer)]


async def test_a_warehouse_that_is_closed_is_told_again(
    place_order: PlaceOrder, make_product: MakeProduct
) -> None:
    doors = iter(["closed", "open"])

    def pack(order: int) -> str:
        if next(doors) == "closed":
            raise ConnectionError("nobody there")
        return "pallet 1"

    et.mock_endpoint(Warehouse.pack, pack)
    tea = await make_product()
    await place_order({tea.sku: 1})

    assert et.deliver(paid).retries == 1
