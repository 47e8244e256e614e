"""A transactional outbox: messages are stored with the data they are about, and relayed after the commit.

```
with psycopg.connect(shop.url) as connection:
    connection.execute("INSERT INTO orders ...")
    outbox.publish(connection, placed, OrderPlaced(...))   # gone if the transaction is

relay = outbox.Relay(shop, [placed])
relay.run(stop)                                            # in a thread or a process of its own
```

PostgreSQL, through psycopg, psycopg2 or asyncpg. The table is `outbox.SCHEMA`, to be put into a migration.
Each message is relayed at least once, under the id it was stored with, after all of its topic that had been
committed when it was stored. Relays of one topic take turns, however many there are.

PYTEST_DONT_REWRITE: a session host may have imported this before pytest looks at its plugins.
"""

from __future__ import annotations

import importlib
import inspect
import re
import threading
import zlib
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from typing import Any, Final, TypeVar

from enctest.errors import EnctestError
from enctest.services import spans
from enctest.services.database import Database
from enctest.services.topic import Topic

__all__ = ["SCHEMA", "Relay", "apublish", "publish"]

T = TypeVar("T")

SCHEMA: Final = """\
CREATE TABLE IF NOT EXISTS enctest_outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    topic text NOT NULL,
    message_id text NOT NULL,
    body bytea NOT NULL,
    stored_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX IF NOT EXISTS enctest_outbox_topic ON enctest_outbox (topic, id);
"""
"""The table, as a migration makes it; it may be run again."""

_INSERT: Final = "INSERT INTO enctest_outbox (topic, message_id, body) VALUES (%s, %s, %s)"
_INSERT_ASYNCPG: Final = "INSERT INTO enctest_outbox (topic, message_id, body) VALUES ($1, $2, $3)"
_TURN: Final = "SELECT pg_try_advisory_xact_lock(%s, %s)"
_NEXT: Final = "SELECT id, message_id, body FROM enctest_outbox WHERE topic = %s ORDER BY id LIMIT %s"
_DONE: Final = "DELETE FROM enctest_outbox WHERE id = ANY(%s)"
_LOCKS: Final = zlib.crc32(b"enctest_outbox") - 2**31
"""First half of the advisory locks, apart from others that the application may use."""


def publish(connection: Any, topic: Topic[T], message: T) -> str:
    """Store a message in the caller's transaction; return its id.

    Args:
        connection: Of psycopg or psycopg2, or what has `cursor()` as they do.
        topic: Where a relay will publish it.
        message: What; checked now.

    Raises:
        InvalidCallError: It is not of the topic's type.
        EnctestError: The connection is asynchronous, or none.
    """
    if not hasattr(connection, "cursor") or _is_asynchronous(connection):
        raise EnctestError(
            f"outbox.publish takes a connection of psycopg or psycopg2, not {type(connection).__name__}",
            "An asynchronous one goes to `await outbox.apublish(...)`; SQLAlchemy's has the driver's inside: "
            "`session.connection().connection`.",
        )
    body, message_id = topic.encode(message), topic.new_id()
    span = _storing(topic, message_id)
    try:
        with closing(connection.cursor()) as cursor:
            cursor.execute(_INSERT, (topic.name, message_id, body))
    except BaseException as error:
        spans.fail(span, error)
        raise
    spans.end(span)
    return message_id


async def apublish(connection: Any, topic: Topic[T], message: T) -> str:
    """Store a message as `publish` does, through asyncpg or psycopg's `AsyncConnection`.

    Raises:
        InvalidCallError: It is not of the topic's type.
        EnctestError: The connection is not asynchronous.
    """
    if not _is_asynchronous(connection):
        raise EnctestError(
            f"outbox.apublish takes an asynchronous connection, not {type(connection).__name__}",
            "A plain one goes to `outbox.publish`.",
        )
    body, message_id = topic.encode(message), topic.new_id()
    span = _storing(topic, message_id)
    try:
        if type(connection).__module__.startswith("asyncpg"):
            await connection.execute(_INSERT_ASYNCPG, topic.name, message_id, body)
        else:
            await connection.execute(_INSERT, (topic.name, message_id, body))
    except BaseException as error:
        spans.fail(span, error)
        raise
    spans.end(span)
    return message_id


def _is_asynchronous(connection: Any) -> bool:
    return inspect.iscoroutinefunction(getattr(connection, "execute", None))


def _storing(topic: Topic[Any], message_id: str) -> Any:
    attributes = {"messaging.destination.name": topic.name, "messaging.message.id": message_id}
    return spans.begin(f"store {topic.name}", "producer", attributes)


class Relay:
    """Takes messages out of a database's outbox and publishes them.

    Args:
        database: Where they are stored.
        topics: Those to relay; messages of others stay.
        connect: Makes a connection of a URL; psycopg's or psycopg2's unless given.
    """

    def __init__(
        self,
        database: Database,
        topics: Iterable[Topic[Any]],
        *,
        connect: Callable[[str], Any] | None = None,
    ) -> None:
        self._database = database
        self._topics = tuple(topics)
        self._connect = connect or _driver
        for topic in self._topics:
            if not isinstance(topic, Topic):
                raise EnctestError(f"Relay takes topics, not {topic!r}", "Pass the `Topic` itself.")

    def run_once(self, limit: int = 100) -> int:
        """Publish what has been committed; return how many messages that were.

        A topic that another relay is at is left to it. Where publishing fails, what went out before is done
        with, the other topics have their turn, and then the error is raised; the next call tries again.

        Args:
            limit: Messages of each topic at most.
        """
        errors: list[Exception] = []
        with closing(self._connect(self._database.url)) as connection:
            connection.autocommit = False  # the topic's lock is held by the transaction
            count = sum(self._relay(connection, topic, limit, errors) for topic in self._topics)
        if errors:
            raise errors[0]
        return count

    def run(
        self,
        stop: threading.Event,
        *,
        interval: float = 1.0,
        limit: int = 100,
        on_error: Callable[[Exception], None] | None = None,
    ) -> None:
        """Relay until `stop` is set.

        Args:
            stop: Ends it, after the round that is going on.
            interval: Seconds to wait where nothing was found.
            limit: Messages of each topic and round at most.
            on_error: Is told what a round raised, before the next one tries again; else it is raised.
        """
        while not stop.is_set():
            try:
                count = self.run_once(limit)
            except Exception as error:
                if on_error is None:
                    raise
                on_error(error)
                count = 0
            if not count:
                stop.wait(interval)

    def _relay(self, connection: Any, topic: Topic[Any], limit: int, errors: list[Exception]) -> int:
        """Relay one topic in a transaction of its own, which holds the topic's lock."""
        done: list[int] = []
        with closing(connection.cursor()) as cursor:
            cursor.execute(_TURN, (_LOCKS, zlib.crc32(topic.name.encode()) - 2**31))
            ((mine,),) = _rows(cursor)
            if mine:
                cursor.execute(_NEXT, (topic.name, limit))
                for row, message_id, body in _rows(cursor):
                    try:
                        topic.publish_body(bytes(body), message_id)
                    except Exception as error:  # noqa: BLE001 - the transport's; raised when all have had their turn
                        errors.append(error)
                        break
                    done.append(row)
            if done:
                cursor.execute(_DONE, (done,))
        connection.commit()
        return len(done)


def _rows(cursor: Any) -> list[tuple[Any, ...]]:
    """Return what a query found as tuples, whatever the connection makes of rows."""
    return [tuple(row.values() if isinstance(row, Mapping) else row) for row in cursor.fetchall()]


def _driver(url: str) -> Any:
    url = re.sub(r"^(postgres(?:ql)?)\+\w+:", r"\1:", url)  # SQLAlchemy's way to name a driver
    for name in ("psycopg", "psycopg2"):
        try:
            module = importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name != name:
                raise
            continue
        return module.connect(url)
    raise EnctestError(
        "A relay needs psycopg or psycopg2, and neither is installed",
        "Install one: pip install 'psycopg[binary]'; or pass `connect`.",
    )
