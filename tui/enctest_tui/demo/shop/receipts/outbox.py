"""The outbox: what is written in the transaction of an order and delivered later."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from opentelemetry import trace
from psycopg import AsyncConnection, Connection
from psycopg.rows import TupleRow
from psycopg.types.json import Jsonb

from shop.money import Cents

tracer = trace.get_tracer(__name__)


@dataclass(frozen=True)
class Receipt:
    """What a receipt says; `total` in cents."""

    customer: str
    order: int
    total: Cents


@dataclass(frozen=True)
class Waiting:
    """A receipt that waits to be sent; `attempts` counts those that failed."""

    id: int
    attempts: int
    receipt: Receipt


async def enqueue(connection: AsyncConnection[TupleRow], queue: str, receipt: Receipt) -> None:
    """Add a receipt to a queue; it is there if the transaction commits."""
    with tracer.start_as_current_span("enqueue receipt", kind=trace.SpanKind.PRODUCER) as span:
        span.set_attributes({"messaging.destination.name": queue, "shop.order": receipt.order})
        await connection.execute(
            "INSERT INTO outbox (queue, body) VALUES (%s, %s)", (queue, Jsonb(asdict(receipt)))
        )


def take(connection: Connection[TupleRow], queue: str) -> Waiting | None:
    """Lock and return the oldest receipt that waits and that no other worker holds."""
    row = connection.execute(
        """
        SELECT id, attempts, body FROM outbox WHERE queue = %s AND state = 'waiting'
        ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED
        """,
        (queue,),
    ).fetchone()
    return Waiting(row[0], row[1], Receipt(**row[2])) if row else None


def mark(connection: Connection[TupleRow], waiting: Waiting, state: str) -> None:
    """Note one more attempt and what became of it: `sent`, `failed` or still `waiting`."""
    connection.execute(
        "UPDATE outbox SET attempts = attempts + 1, state = %s WHERE id = %s", (state, waiting.id)
    )
