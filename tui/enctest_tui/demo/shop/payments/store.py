"""Payments in the database."""

from __future__ import annotations

from dataclasses import dataclass

from psycopg import AsyncConnection
from psycopg.rows import TupleRow, class_row

from shop.money import Cents


@dataclass(frozen=True)
class Payment:
    """Money taken for an order; `card` is masked."""

    order_id: int
    amount: Cents
    card: str
    reference: str


class Payments:
    """The table of payments, as seen by one transaction."""

    def __init__(self, connection: AsyncConnection[TupleRow]) -> None:
        self._connection = connection

    async def find(self, order: int) -> Payment | None:
        """Return the payment of an order, if there is one."""
        cursor = self._connection.cursor(row_factory=class_row(Payment))
        await cursor.execute(
            "SELECT order_id, amount, card, reference FROM payments WHERE order_id = %s", (order,)
        )
        return await cursor.fetchone()

    async def add(self, payment: Payment) -> None:
        """Add a payment."""
        await self._connection.execute(
            "INSERT INTO payments (order_id, amount, card, reference) VALUES (%s, %s, %s, %s)",
            (payment.order_id, payment.amount, payment.card, payment.reference),
        )
