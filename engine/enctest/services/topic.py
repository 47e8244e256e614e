"""Topics and their subscriptions: messages that are published now and handled later."""

from __future__ import annotations

import functools
import inspect
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar, overload

from enctest.errors import EnctestError
from enctest.services import lifecycle, loops, shown, spans
from enctest.services.errors import InvalidCallError, MissingError
from enctest.services.generic import type_of
from enctest.services.scope import Scope, counted, current
from enctest.services.validation import adapter, problems, pydantic

if TYPE_CHECKING:
    from enctest.services.service import Service

T = TypeVar("T")
R = TypeVar("R")


class Transport(Protocol):
    """What carries messages in production. At the other end, call `subscription.receive(body, id)`."""

    def publish(self, topic: str, message_id: str, body: bytes) -> None:
        """Take one message, JSON in UTF-8; when this returns, it is safe."""


class Topic(Generic[T]):
    """Messages of one type: `placed = Topic[OrderPlaced]("orders-placed")`.

    In a test, what is published is kept for `et.published_messages` and `et.deliver`, and goes nowhere.

    Args:
        name: What the transport knows it by.
        type: What messages are; not needed with brackets.
        transport: What carries them in production; that of `use_transport` unless given.
    """

    def __init__(
        self,
        name: str,
        type: type[T] | None = None,  # noqa: A002 - what it is
        *,
        transport: Transport | None = None,
    ) -> None:
        self.name = name
        self.subscriptions: list[Subscription[T]] = []
        self._type = type
        self._transport = transport

    def __repr__(self) -> str:
        return f"<topic {self.name}>"

    def publish(self, message: T) -> str:
        """Publish a message; return its id.

        Raises:
            InvalidCallError: It is not of the topic's type.
            MissingError: There is no transport, outside of tests.
        """
        return self.publish_body(self.encode(message))

    def publish_body(self, body: bytes, message_id: str = "") -> str:
        """Publish an encoded message, as a relay does; return its id, a new one unless given."""
        scope = current()
        message_id = message_id or self.new_id()
        attributes = {
            "messaging.system": "enctest",
            "messaging.destination.name": self.name,
            "messaging.message.id": message_id,
        }
        span = None
        if spans.wanted():
            attributes["enctest.message"] = shown.shown(self.decode(body))
            span = spans.begin(f"publish {self.name}", "producer", attributes)
        try:
            self._send(scope, message_id, body)
        except BaseException as error:
            spans.fail(span, error)
            raise
        spans.end(span)
        return message_id

    def encode(self, message: T) -> bytes:
        """Return a message as JSON.

        Raises:
            InvalidCallError: It is not of the topic's type.
        """
        check = self._adapter
        try:
            body: bytes = check.dump_json(check.validate_python(message))
        except pydantic().ValidationError as error:
            raise InvalidCallError(
                f"This is no message for the topic {self.name}: {problems(error)}"
            ) from error
        return body

    def decode(self, body: bytes) -> T:
        """Return a message from JSON.

        Raises:
            InvalidCallError: It is not of the topic's type.
        """
        try:
            message: T = self._adapter.validate_json(body)
        except pydantic().ValidationError as error:
            raise InvalidCallError(
                f"This is no message of the topic {self.name}: {problems(error)}"
            ) from error
        return message

    def new_id(self) -> str:
        """Return an id for a message: in a test the same at each run, such as `test_it.py::test/placed/1`."""
        scope = current()
        if scope is None:
            return uuid.uuid4().hex
        number = counted(scope, ("message", self.name))
        return f"{scope.name or scope.kind}/{self.name}/{number}"

    def _send(self, scope: Scope | None, message_id: str, body: bytes) -> None:
        if scope is not None:
            scope.publish(self.name, message_id, body)
            return
        transport = self._transport or _default_transport()
        if transport is None:
            raise MissingError(
                f"The topic {self.name} has no transport",
                f'Pass one, Topic("{self.name}", transport=...), or call `use_transport` at the start. '
                "In tests none is needed: `et.published_messages` and `et.deliver` take its place.",
            )
        transport.publish(self.name, message_id, body)

    @property
    def _adapter(self) -> Any:
        return adapter(type_of(self, self._type, self.name))


_transports: list[Transport] = []


def use_transport(transport: Transport | None) -> None:
    """Let `transport` carry the messages of all topics that have none of their own; None takes it back."""
    _transports[:] = [] if transport is None else [transport]


def _default_transport() -> Transport | None:
    return _transports[-1] if _transports else None


def messages_of(scope: Scope, topic: Topic[Any]) -> list[tuple[str, bytes]]:
    """Return ids and bodies of what was published in exactly this scope, and in processes of it."""
    scope.take_in()
    return scope.published(topic.name)


class Subscription(Generic[T]):
    """A handler of a topic's messages: a function, or a method of a service.

    Attributes:
        name: What the transport knows it by: the function's name, within its service.
        topic: Whose messages it gets.
        attempts: How often a message is tried before it is a dead letter.
        is_async: Whether the handler is.
    """

    def __init__(self, topic: Topic[T], function: Callable[..., Any], attempts: int, name: str) -> None:
        self.topic = topic
        self.attempts = attempts
        self.function = function
        self.is_async = inspect.iscoroutinefunction(function)
        self.name = name or function.__name__
        self._named = bool(name)
        self._service: type[Service] | None = None
        functools.update_wrapper(self, function)
        topic.subscriptions.append(self)

    def __repr__(self) -> str:
        return f"<subscription {self.name} of {self.topic.name}>"

    def __set_name__(self, owner: type[Any], name: str) -> None:
        if "_enctest_service" not in dir(owner):
            raise EnctestError(
                f"{owner.__name__}.{name} is marked with @subscription, and {owner.__name__} is no service",
                f"Derive it, class {owner.__name__}(Service), or mark a plain function.",
            )
        self._service = owner
        if not self._named:
            self.name = f"{owner.__name__}.{name}"

    @overload
    def __get__(self, instance: None, owner: type[object]) -> Subscription[T]: ...
    @overload
    def __get__(self, instance: object, owner: type[object] | None = None) -> Callable[[T], Any]: ...
    def __get__(
        self, instance: object | None, owner: type[object] | None = None
    ) -> Subscription[T] | Callable[[T], Any]:
        if instance is None:
            return self
        method: Callable[[T], Any] = self.function.__get__(instance, owner)
        return method

    def __call__(self, message: T) -> Any:
        """Call the handler as it is; an asynchronous one gives a coroutine."""
        if self._service is None:
            return self.function(message)
        return self.function.__get__(lifecycle.instance(self._service))(message)

    def receive(self, body: bytes, message_id: str = "", attempt: int = 1) -> None:
        """Handle one message that a transport brings; returns when it has been handled.

        Raises:
            Exception: What the handler raised; the transport is to bring the message again.
        """
        span = self._span(message_id, attempt)
        try:
            outcome = self(self.topic.decode(body))
            if inspect.isawaitable(outcome):
                loops.finish(outcome)
        except BaseException as error:
            spans.fail(span, error)
            raise
        spans.end(span)

    async def areceive(self, body: bytes, message_id: str = "", attempt: int = 1) -> None:
        """Handle one message as `receive` does, in a coroutine."""
        span = self._span(message_id, attempt)
        try:
            call = self.function
            if self._service is not None:
                call = call.__get__(await lifecycle.ainstance(self._service))
            outcome = call(self.topic.decode(body))
            if inspect.isawaitable(outcome):
                await outcome
        except BaseException as error:
            spans.fail(span, error)
            raise
        spans.end(span)

    def _span(self, message_id: str, attempt: int) -> Any:
        if not spans.wanted():
            return None
        return spans.begin(
            f"process {self.topic.name}",
            "consumer",
            {
                "messaging.system": "enctest",
                "messaging.destination.name": self.topic.name,
                "messaging.destination.subscription.name": self.name,
                "messaging.message.id": message_id,
                "enctest.attempt": attempt,
            },
        )


class _Marks(Protocol[T]):
    """Takes a handler of T: a function of one argument, or a method."""

    @overload
    def __call__(self, function: Callable[[T], Any], /) -> Subscription[T]: ...
    @overload
    def __call__(self, function: Callable[[Any, T], Any], /) -> Subscription[T]: ...


def subscription(topic: Topic[T], *, attempts: int = 3, name: str = "") -> _Marks[T]:
    """Mark a function, or a method of a service, as a handler of a topic's messages.

    Args:
        topic: Whose messages.
        attempts: How often a message is tried before it is a dead letter; at least 1.
        name: What the transport knows it by; the function's name unless given.
    """
    if attempts < 1:
        raise EnctestError(
            f"A subscription of {topic.name} has {attempts} attempts; there must be at least 1"
        )

    def mark(function: Callable[..., Any]) -> Subscription[T]:
        return Subscription(topic, function, attempts, name)

    return mark
