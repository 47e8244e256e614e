"""Subscribers run now, in the test that published: retries and dead letters can be seen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar

from enctest.services import loops
from enctest.services.errors import DeliveryError
from enctest.services.scope import Scope
from enctest.services.topic import Subscription, Topic, messages_of

T = TypeVar("T")
_ROUNDS: Final = 1000
"""Messages that one delivery takes: handlers that answer each other would never end."""


@dataclass(frozen=True)
class Attempt(Generic[T]):
    """One call of a handler.

    Attributes:
        message, message_id: What it was given.
        subscription: Whose handler.
        number: 1 at first.
        error: What it raised, None if it handled the message.
    """

    message: T
    message_id: str
    subscription: Subscription[T]
    number: int
    error: Exception | None


@dataclass
class Delivery(Generic[T]):
    """What became of the messages.

    Attributes:
        attempts: All calls of handlers, in order.
        dead_letters: The last attempt at each message that a subscription never handled.
    """

    attempts: list[Attempt[T]] = field(default_factory=list)
    dead_letters: list[Attempt[T]] = field(default_factory=list)

    @property
    def handled(self) -> list[T]:
        """Messages that were handled, once for each subscription."""
        return [attempt.message for attempt in self.attempts if attempt.error is None]

    @property
    def retries(self) -> int:
        """How many attempts were not the first."""
        return sum(attempt.number > 1 for attempt in self.attempts)


class _Round(Generic[T]):
    """What one call of `deliver` has to do."""

    def __init__(self, scope: Scope, topic: Topic[T]) -> None:
        self._topic = topic
        self._scope = scope
        self._own = scope.own
        self.delivery: Delivery[T] = Delivery()

    def due(self) -> Iterator[tuple[Subscription[T], str, bytes]]:
        """Yield what nobody was given yet, also what handlers publish meanwhile."""
        key = ("delivered", self._topic.name)
        for _ in range(_ROUNDS):
            place, published = self._own.get(key, 0), messages_of(self._scope, self._topic)
            if place >= len(published):
                return
            self._own[key] = place + 1
            message_id, body = published[place]
            for subscription in self._topic.subscriptions:
                yield subscription, message_id, body
        raise DeliveryError(
            f"{_ROUNDS} messages of {self._topic.name} were delivered, and handlers publish more and more",
            "Does one answer a message with another on the same topic?",
        )

    def note(
        self,
        subscription: Subscription[T],
        message_id: str,
        body: bytes,
        number: int,
        error: Exception | None,
    ) -> bool:
        """Take in one attempt; return whether there has to be another."""
        attempt = Attempt(self._topic.decode(body), message_id, subscription, number, error)
        self.delivery.attempts.append(attempt)
        if error is not None and number >= subscription.attempts:
            self.delivery.dead_letters.append(attempt)
        return error is not None and number < subscription.attempts

    def finish(self, allow_dead_letters: bool) -> Delivery[T]:
        """Return what became of it.

        Raises:
            DeliveryError: There are dead letters, and they were not allowed.
        """
        dead = self.delivery.dead_letters
        if dead and not allow_dead_letters:
            first = dead[0]
            raise DeliveryError(
                f"{len(dead)} of {self._topic.name} became dead letters; first {first.message_id}, which "
                f"{first.subscription.name} failed {first.number} times to handle: "
                f"{type(first.error).__name__}: {first.error}",
                "Where that is what you test: `et.deliver(topic, allow_dead_letters=True).dead_letters`.",
            ) from first.error
        return self.delivery


def deliver(scope: Scope, topic: Topic[T], *, allow_dead_letters: bool) -> Delivery[T]:
    """Give what the test published to the subscribers."""
    if loops.running() is not None and any(s.is_async for s in topic.subscriptions):
        raise DeliveryError(
            f"{topic.name} has asynchronous subscribers, and `deliver` was called in a coroutine",
            "Use `await et.adeliver(topic)` there.",
        )
    work = _Round(scope, topic)
    for subscription, message_id, body in work.due():
        number, again = 0, True
        while again:
            number += 1
            error: Exception | None = None
            try:
                subscription.receive(body, message_id, number)
            except Exception as raised:  # noqa: BLE001 - a handler's; noted, and raised if it stays
                error = raised
            again = work.note(subscription, message_id, body, number, error)
    return work.finish(allow_dead_letters)


async def adeliver(scope: Scope, topic: Topic[T], *, allow_dead_letters: bool) -> Delivery[T]:
    """Do as `deliver`, in a coroutine."""
    work = _Round(scope, topic)
    for subscription, message_id, body in work.due():
        number, again = 0, True
        while again:
            number += 1
            error: Exception | None = None
            try:
                await subscription.areceive(body, message_id, number)
            except Exception as raised:  # noqa: BLE001 - as above
                error = raised
            again = work.note(subscription, message_id, body, number, error)
    return work.finish(allow_dead_letters)


def decoded(topic: Topic[Any], messages: list[tuple[str, bytes]]) -> Messages[Any]:
    """Return published messages."""
    found: Messages[Any] = Messages(topic.decode(body) for _, body in messages)
    found.ids = [message_id for message_id, _ in messages]
    return found


class Messages(list[T]):
    """Messages in the order in which they were published.

    Attributes:
        ids: Theirs, such as `tests/test_orders.py::test_place/orders-placed/1`.
    """

    ids: list[str]
