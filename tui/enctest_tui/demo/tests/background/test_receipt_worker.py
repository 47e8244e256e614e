"""Receipts are sent in the background."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Iterable

import pytest
from psycopg import Connection
from psycopg.rows import TupleRow

from shop.database import Database
from shop.receipts import outbox
from shop.receipts.mail import Mail, MailError
from shop.receipts.outbox import Receipt
from shop.receipts.worker import ReceiptWorker, deliver_next


class Mailbox:
    """Keeps the mails; refuses the first `down` of them."""

    def __init__(self, down: int = 0) -> None:
        self.mails: list[Mail] = []
        self._down = down
        self._changed = threading.Condition()

    def send(self, mail: Mail) -> None:
        with self._changed:
            if self._down:
                self._down -= 1
                raise MailError("the mail server is down")
            self.mails.append(mail)
            self._changed.notify_all()

    def wait_for(self, number: int) -> bool:
        """Wait until that many mails have arrived; return false after five seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: len(self.mails) >= number, timeout=5)

    @property
    def subjects(self) -> list[str]:
        return [mail.subject for mail in self.mails]


@pytest.fixture
def queue(unique: str) -> str:
    return f"receipts-{unique}"


def enqueue(database: Database, queue: str, orders: Iterable[int]) -> None:
    async def write() -> None:
        async with database.transaction() as connection:
            for order in orders:
                await outbox.enqueue(connection, queue, Receipt("ada@example.org", order, 10_00))

    asyncio.run(write())


def states(sql: Connection[TupleRow], queue: str) -> list[tuple[str, int]]:
    """Return state and attempts of every receipt of a queue."""
    return sql.execute("SELECT state, attempts FROM outbox WHERE queue = %s ORDER BY id", (queue,)).fetchall()


class TestWorker:
    def test_sends_what_waits(self, database: Database, queue: str) -> None:
        enqueue(database, queue, [1, 2, 3])
        mailbox = Mailbox()

        with ReceiptWorker(database.url, queue, mailbox):
            assert mailbox.wait_for(3)

        assert mailbox.subjects == [f"Receipt for order {order}" for order in (1, 2, 3)]

    def test_sends_what_comes_later(self, database: Database, queue: str) -> None:
        mailbox = Mailbox()

        with ReceiptWorker(database.url, queue, mailbox, interval=0.02):
            enqueue(database, queue, [7])
            assert mailbox.wait_for(1)

    def test_two_workers_share_the_work(self, database: Database, queue: str) -> None:
        enqueue(database, queue, range(20))
        mailbox = Mailbox()

        with ReceiptWorker(database.url, queue, mailbox), ReceiptWorker(database.url, queue, mailbox):
            assert mailbox.wait_for(20)

        assert sorted(mailbox.subjects) == sorted(f"Receipt for order {order}" for order in range(20))

    def test_tries_again_when_the_mail_server_is_down(self, database: Database, queue: str) -> None:
        enqueue(database, queue, [4])
        mailbox = Mailbox(down=2)

        with ReceiptWorker(database.url, queue, mailbox):
            assert mailbox.wait_for(1)


class TestDelivery:
    def test_marks_the_receipt_as_sent(
        self, database: Database, sql: Connection[TupleRow], queue: str
    ) -> None:
        enqueue(database, queue, [5])

        assert deliver_next(sql, queue, Mailbox())
        assert states(sql, queue) == [("sent", 1)]

    def test_gives_up_after_three_attempts(
        self,
        database: Database,
        sql: Connection[TupleRow],
        queue: str,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        enqueue(database, queue, [6])
        mailbox = Mailbox(down=99)
        while deliver_next(sql, queue, mailbox):
            pass

        assert states(sql, queue) == [("failed", 3)]
        assert [record.levelno for record in caplog.records] == [logging.WARNING] * 2 + [logging.ERROR]

    def test_an_empty_queue_is_no_work_whatever_others_hold(
        self, database: Database, sql: Connection[TupleRow], queue: str
    ) -> None:
        enqueue(database, f"other-{queue}", [8])

        assert not deliver_next(sql, queue, Mailbox())
