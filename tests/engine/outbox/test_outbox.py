"""Messages in the caller's transaction: out after the commit, in order, at least once, whoever relays."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import asyncpg
import psycopg
import psycopg2
import pytest
from psycopg.rows import dict_row
from psycopg2.extras import RealDictCursor
from pydantic import BaseModel
from tests.harness import PATIENCE, wait_until

from enctest import Database, Topic, et, outbox
from enctest.errors import EnctestError
from enctest.services.errors import InvalidCallError


class Placed(BaseModel):
    """What the messages are."""

    number: int


Refuse = Callable[[str, bytes], bool]


def never(_topic: str, _body: bytes) -> bool:
    return False


class Wire:
    """A transport that keeps what it carries, and is down when told to."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str, bytes]] = []
        self.refuse: Refuse = never

    def publish(self, topic: str, message_id: str, body: bytes) -> None:
        if self.refuse(topic, body):
            raise ConnectionError(f"no way for {body.decode()}")
        self.sent.append((topic, message_id, body))

    def numbers(self, topic: str = "placed") -> list[int]:
        return [Placed.model_validate_json(body).number for name, _, body in self.sent if name == topic]


wire = Wire()
placed = Topic[Placed]("placed", transport=wire)
shipped = Topic[Placed]("shipped", transport=wire)


def in_production(test: Callable[..., None]) -> Callable[..., None]:
    """Run a test as if none ran: messages go to the transport, which begins empty."""

    @functools.wraps(test)
    def run(**fixtures: Any) -> None:
        wire.sent.clear()
        wire.refuse = never
        contextvars.Context().run(test, **fixtures)

    return run


def stored(database: Database) -> int:
    with psycopg.connect(database.url) as connection:
        found = connection.execute("SELECT count(*) FROM enctest_outbox").fetchone()
    assert found is not None
    return int(found[0])


@pytest.mark.parametrize("connect", [psycopg.connect, psycopg2.connect], ids=["psycopg", "psycopg2"])
def test_what_is_rolled_back_was_never_published(database: Database, connect: Any) -> None:
    relay = outbox.Relay(database, [placed], connect=connect)
    with closing(connect(database.url)) as connection:
        outbox.publish(connection, placed, Placed(number=1))
        assert relay.run_once() == 0
        connection.rollback()
        assert relay.run_once() == 0
        outbox.publish(connection, placed, Placed(number=2))
        outbox.publish(connection, placed, Placed(number=3))
        connection.commit()
    assert relay.run_once() == 2
    messages = et.published_messages(placed)
    assert [message.number for message in messages] == [2, 3]
    here = "test_outbox.py::test_what_is_rolled_back_was_never_published"
    assert all(here in one for one in messages.ids)
    assert [one.rpartition("/")[2] for one in messages.ids] == ["2", "3"]
    assert relay.run_once() == 0
    assert stored(database) == 0


def test_asynchronous_connections_store_too(database: Database) -> None:
    async def main() -> None:
        first = await asyncpg.connect(database.url)
        async with first.transaction():
            await outbox.apublish(first, placed, Placed(number=1))
        await first.close()
        async with await psycopg.AsyncConnection.connect(database.url) as second:
            await outbox.apublish(second, placed, Placed(number=2))

    asyncio.run(main())
    assert outbox.Relay(database, [placed]).run_once() == 2
    assert [message.number for message in et.published_messages(placed)] == [1, 2]


@in_production
def test_a_failure_holds_up_its_topic_and_no_other(database: Database) -> None:
    with psycopg.connect(database.url) as connection:
        for number in range(4):
            outbox.publish(connection, placed, Placed(number=number))
            outbox.publish(connection, shipped, Placed(number=number))
    relay = outbox.Relay(database, [placed, shipped])
    wire.refuse = lambda topic, body: topic == "placed" and body == b'{"number":2}'
    with pytest.raises(ConnectionError, match=r"no way for .*2"):
        relay.run_once()
    assert wire.numbers("placed") == [0, 1]
    assert wire.numbers("shipped") == [0, 1, 2, 3]
    wire.refuse = never
    relay.run_once()
    assert wire.numbers("placed") == [0, 1, 2, 3]
    assert wire.numbers("shipped") == [0, 1, 2, 3]
    ids = [message_id for _, message_id, _ in wire.sent]
    assert len(set(ids)) == len(ids) == 8


@in_production
def test_a_relay_that_dies_has_lost_nothing(database: Database) -> None:
    with psycopg.connect(database.url) as connection:
        ids = [outbox.publish(connection, placed, Placed(number=number)) for number in range(3)]

    def die(_topic: str, body: bytes) -> bool:
        if body == b'{"number":2}':
            raise KeyboardInterrupt
        return False

    wire.refuse = die
    relay = outbox.Relay(database, [placed])
    with pytest.raises(KeyboardInterrupt):
        relay.run_once()
    wire.refuse = never
    assert relay.run_once() == 3
    assert wire.numbers() == [0, 1, 0, 1, 2]
    assert [message_id for _, message_id, _ in wire.sent] == [*ids[:2], *ids]


@in_production
def test_relays_take_turns_and_keep_the_order(database: Database) -> None:
    """Two topics, three relays at once, and writers that commit meanwhile."""
    stop, count = threading.Event(), 40

    def write(first: int) -> None:
        with psycopg.connect(database.url) as connection:
            for number in range(first, first + count):
                outbox.publish(connection, placed, Placed(number=number))
                outbox.publish(connection, shipped, Placed(number=number))
                connection.commit()

    with ThreadPoolExecutor(5) as pool:
        relays = [
            pool.submit(outbox.Relay(database, [placed, shipped]).run, stop, interval=0.001, limit=7)
            for _ in range(3)
        ]
        for writer in [pool.submit(write, first) for first in (0, 1000)]:
            writer.result(PATIENCE)
        try:
            wait_until("everything is relayed", lambda: len(wire.sent) >= 4 * count)
        finally:
            stop.set()
        for relay in relays:
            relay.result(PATIENCE)
    for topic in ("placed", "shipped"):
        numbers = wire.numbers(topic)
        assert [n for n in numbers if n < 1000] == list(range(count))
        assert [n for n in numbers if n >= 1000] == list(range(1000, 1000 + count))
    assert stored(database) == 0


@in_production
def test_a_topic_that_is_being_relayed_is_left_alone(database: Database) -> None:
    with psycopg.connect(database.url) as connection:
        outbox.publish(connection, placed, Placed(number=1))
    found: list[int] = []

    def relay_meanwhile(_topic: str, _body: bytes) -> bool:
        found.append(outbox.Relay(database, [placed]).run_once())
        return False

    wire.refuse = relay_meanwhile
    assert outbox.Relay(database, [placed]).run_once() == 1
    assert found == [0]
    assert wire.numbers() == [1]


@in_production
def test_a_relay_goes_on_after_errors_that_somebody_is_told(database: Database) -> None:
    with psycopg.connect(database.url) as connection:
        outbox.publish(connection, placed, Placed(number=1))
    wire.refuse = lambda _topic, _body: True
    errors: list[Exception] = []
    stop = threading.Event()

    def told(error: Exception) -> None:
        errors.append(error)
        wire.refuse = never

    relay = threading.Thread(
        target=outbox.Relay(database, [placed]).run,
        args=[stop],
        kwargs={"interval": 0.001, "on_error": told},
    )
    relay.start()
    try:
        wait_until("the message is out", lambda: wire.sent)
    finally:
        stop.set()
        relay.join(PATIENCE)
    assert len(errors) == 1
    assert isinstance(errors[0], ConnectionError)


def dictionaries(url: str) -> Any:
    return psycopg.connect(url, autocommit=True, row_factory=dict_row)


def psycopg2_dictionaries(url: str) -> Any:
    return psycopg2.connect(url, cursor_factory=RealDictCursor)


@pytest.mark.parametrize("connect", [dictionaries, psycopg2_dictionaries])
@in_production
def test_connections_may_be_of_any_kind(database: Database, connect: Any) -> None:
    with closing(connect(database.url)) as connection:
        outbox.publish(connection, placed, Placed(number=1))
        connection.commit()
    others: list[int] = []

    def relay_meanwhile(_topic: str, _body: bytes) -> bool:
        others.append(outbox.Relay(database, [placed]).run_once())
        return False

    wire.refuse = relay_meanwhile
    assert outbox.Relay(database, [placed], connect=connect).run_once() == 1
    assert (wire.numbers(), others, stored(database)) == ([1], [0], 0)


def test_urls_may_name_a_driver(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    with psycopg.connect(database.url) as connection:
        outbox.publish(connection, placed, Placed(number=1))
    monkeypatch.setenv(
        database.variables[0], database.url.replace("postgresql://", "postgresql+asyncpg://", 1)
    )
    assert outbox.Relay(database, [placed]).run_once() == 1


def test_messages_are_checked_and_subscribers_get_them(database: Database) -> None:
    with psycopg.connect(database.url) as connection:
        with pytest.raises(InvalidCallError, match="placed: number"):
            outbox.publish(connection, placed, {"number": "many"})  # type: ignore[misc]
        outbox.publish(connection, placed, Placed(number=5))
    assert stored(database) == 1
    outbox.Relay(database, [placed]).run_once()
    assert et.deliver(placed).dead_letters == []
    assert [one.number for one in et.published_messages(placed)] == [5]


def test_misuse_says_what_to_do(database: Database) -> None:
    async def asynchronous() -> None:
        connection = await asyncpg.connect(database.url)
        try:
            with pytest.raises(
                EnctestError, match=r"takes a connection of psycopg or psycopg2, not Connection"
            ):
                outbox.publish(connection, placed, Placed(number=1))
        finally:
            await connection.close()

    asyncio.run(asynchronous())
    with (
        psycopg.connect(database.url) as connection,
        pytest.raises(EnctestError, match="takes an asynchronous connection"),
    ):
        asyncio.run(outbox.apublish(connection, placed, Placed(number=1)))
    with pytest.raises(EnctestError, match="Relay takes topics, not 'placed'"):
        outbox.Relay(database, ["placed"])  # type: ignore[list-item]
