"""Orders in the database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from opentelemetry import trace
from psycopg import AsyncConnection
from psycopg.rows import TupleRow, class_row, scalar_row

from shop.errors import NotFoundError
from shop.money import Cents
from shop.orders.pricing import Line, Price

tracer = trace.get_tracer(__name__)

Status = Literal["pending", "paid", "declined"]


@dataclass(frozen=True)
class Order:
    """An order without its lines; amounts in cents."""

    id: int
    customer: str
    status: Status
    goods: Cents
    bulk_discount: Cents
    coupon_discount: Cents
    shipping: Cents
    total: Cents


@dataclass(frozen=True)
class PastOrder:
    """An order with its lines."""

    order: Order
    lines: list[Line]


class Orders:
    """The tables of orders and their lines, as seen by one transaction."""

    def __init__(self, connection: AsyncConnection[TupleRow]) -> None:
        self._connection = connection

    async def add(self, customer: str, lines: Sequence[Line], price: Price) -> int:
        """Add an order that waits for its payment; return its number."""
        cursor = self._connection.cursor(row_factory=scalar_row)
        await cursor.execute(
            """
            INSERT INTO orders (customer, goods, bulk_discount, coupon_discount, shipping)
            VALUES (%s, %s, %s, %s, %s) RETURNING id
            """,
            (customer, price.goods, price.bulk_discount, price.coupon_discount, price.shipping),
        )
        number = int((await cursor.fetchall())[0])
        await cursor.executemany(
            "INSERT INTO order_lines (order_id, sku, name, price, quantity) VALUES (%s, %s, %s, %s, %s)",
            [(number, line.sku, line.name, line.price, line.quantity) for line in lines],
        )
        return number

    async def get(self, number: int) -> Order:
        """Return one order.

        Raises:
            NotFoundError: There is none.
        """
        cursor = self._connection.cursor(row_factory=class_row(Order))
        await cursor.execute(
            """
            SELECT id, customer, status, goods, bulk_discount, coupon_discount, shipping, total
            FROM orders WHERE id = %s
            """,
            (number,),
        )
        order = await cursor.fetchone()
        if order is None:
            raise NotFoundError(f"there is no order {number}")
        return order

    async def lines(self, number: int) -> list[Line]:
        """Return the lines of an order by SKU."""
        cursor = self._connection.cursor(row_factory=class_row(Line))
        await cursor.execute(
            "SELECT sku, name, price, quantity FROM order_lines WHERE order_id = %s ORDER BY sku", (number,)
        )
        return await cursor.fetchall()

    async def of_customer(self, customer: str) -> list[PastOrder]:
        """Return all orders of a customer with their lines, the oldest first."""
        with tracer.start_as_current_span("order history") as span:
            cursor = self._connection.cursor(row_factory=class_row(Order))
            await cursor.execute(
                """
                SELECT id, customer, status, goods, bulk_discount, coupon_discount, shipping, total
                FROM orders WHERE customer = %s ORDER BY placed_at, id
                """,
                (customer,),
            )
            orders = await cursor.fetchall()
            span.set_attribute("shop.orders", len(orders))
            return [PastOrder(order, await self.lines(order.id)) for order in orders]

    async def mark(self, number: int, status: Status) -> None:
        """Note what became of an order."""
        await self._connection.execute("UPDATE orders SET status = %s WHERE id = %s", (status, number))
