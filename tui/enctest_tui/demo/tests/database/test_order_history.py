"""A customer's orders with their lines."""

from __future__ import annotations

import pytest
from psycopg import AsyncConnection
from psycopg.rows import TupleRow

from shop.catalogue.products import Product, Products
from shop.orders.pricing import Line, price_order
from shop.orders.store import Orders

pytestmark = pytest.mark.anyio


@pytest.fixture
async def lines(connection: AsyncConnection[TupleRow], unique: str) -> list[Line]:
    """Two lines whose products are on sale."""
    teas = [Product(f"{unique}-{name}", name, "tea", 3_00, 99) for name in ("Assam", "Sencha")]
    for tea in teas:
        await Products(connection).put(tea)
    return [Line(tea.sku, tea.name, tea.price, 2) for tea in teas]


async def test_lists_every_order_with_its_lines(
    connection: AsyncConnection[TupleRow], customer: str, lines: list[Line]
) -> None:
    orders, price = Orders(connection), price_order(lines)
    numbers = [await orders.add(customer, lines, price) for _ in range(12)]

    history = await orders.of_customer(customer)

    assert [past.order.id for past in history] == numbers
    assert all(past.lines == lines for past in history)


async def test_leaves_out_the_orders_of_others(
    connection: AsyncConnection[TupleRow], customer: str, lines: list[Line]
) -> None:
    await Orders(connection).add(f"not.{customer}", lines, price_order(lines))

    assert await Orders(connection).of_customer(customer) == []


async def test_an_order_begins_without_payment(
    connection: AsyncConnection[TupleRow], customer: str, lines: list[Line]
) -> None:
    orders = Orders(connection)
    number = await orders.add(customer, lines, price_order(lines))

    assert (await orders.get(number)).status == "pending"
