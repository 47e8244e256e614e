"""The worker that empties the outbox."""

from __future__ import annotations

import logging
import threading
from types import TracebackType
from typing import Self

import psycopg
from opentelemetry import trace
from psycopg import Connection
from psycopg.rows import TupleRow

from shop.receipts import outbox
from shop.receipts.mail import Mailer, MailError, write

logger = logging.getLogger(__name__)
tracer = trace.get_tracer(__name__)

ATTEMPTS = 3


class ReceiptWorker:
    """A thread that sends the receipts of one queue, from `with` to the end of its block.

    Args:
        url: The database with the outbox.
        queue: The queue to empty.
        mailer: Takes the mails.
        interval: Seconds to wait before looking again into an empty queue.
    """

    def __init__(self, url: str, queue: str, mailer: Mailer, interval: float = 1.0) -> None:
        self._url = url
        self._queue = queue
        self._mailer = mailer
        self._interval = interval
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"receipts-{queue}")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace_: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        with psycopg.connect(self._url, autocommit=True) as connection:
            while not self._stop.is_set():
                if not deliver_next(connection, self._queue, self._mailer):
                    self._stop.wait(self._interval)


def deliver_next(connection: Connection[TupleRow], queue: str, mailer: Mailer) -> bool:
    """Send the oldest receipt of a queue; return whether there was one."""
    with connection.transaction():
        waiting = outbox.take(connection, queue)
        if waiting is None:
            return False
        with tracer.start_as_current_span("send receipt", kind=trace.SpanKind.CONSUMER) as span:
            span.set_attributes({"messaging.destination.name": queue, "shop.order": waiting.receipt.order})
            outbox.mark(connection, waiting, _send(waiting, mailer))
    return True


def _send(waiting: outbox.Waiting, mailer: Mailer) -> str:
    try:
        mailer.send(write(waiting.receipt))
    except MailError as error:
        last = waiting.attempts + 1 >= ATTEMPTS
        level = logging.ERROR if last else logging.WARNING
        logger.log(level, "receipt for order %d not sent: %s", waiting.receipt.order, error)
        return "failed" if last else "waiting"
    logger.info("receipt for order %d sent", waiting.receipt.order)
    return "sent"
