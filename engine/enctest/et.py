"""Helpers for tests of services. Each holds in the scope it is used in, and those within; the nearest wins.

A test that calls one sets something for itself; a fixture of module scope for the module's tests; and so on
for class, package and session. Each is a fixture of the same name as well, and some are markers.

PYTEST_DONT_REWRITE: a session host may have imported this before pytest looks at its plugins.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, overload

from enctest.services import auth, clock, delivery, doubles, lifecycle, managed
from enctest.services import spans as _spans
from enctest.services.auth import as_user
from enctest.services.config import Config
from enctest.services.database import Database
from enctest.services.delivery import Attempt, Delivery, Messages
from enctest.services.endpoint import Endpoint
from enctest.services.errors import BadDoubleError, MisusedError
from enctest.services.scope import needed, needed_test
from enctest.services.service import Service, endpoints
from enctest.services.topic import Topic, messages_of

if TYPE_CHECKING:
    from enctest.services.trees import Spans

__all__ = [
    "Attempt",
    "Delivery",
    "Messages",
    "adeliver",
    "advance_time",
    "as_user",
    "deliver",
    "enable_service_instance_isolation",
    "mock_endpoint",
    "mock_service",
    "new_test_database",
    "override_auth",
    "published_messages",
    "set_config",
    "spans",
    "superuser",
]

P = ParamSpec("P")
T = TypeVar("T")


def enable_service_instance_isolation(on: bool = True) -> None:
    """Give each test its own instances of services, closed when it ends; False switches that off again."""
    if not isinstance(on, bool):
        raise BadDoubleError(f"enable_service_instance_isolation takes True or False, not {on!r}")
    needed("enable_service_instance_isolation").values[lifecycle.ISOLATION] = on


@overload
def mock_endpoint(
    endpoint: Endpoint[P, T], function: Callable[P, T] | None, *, run_middleware: bool = False
) -> None: ...
@overload
def mock_endpoint(
    endpoint: Endpoint[P, Coroutine[Any, Any, T]],
    function: Callable[P, Awaitable[T] | T] | None,
    *,
    run_middleware: bool = False,
) -> None: ...
def mock_endpoint(
    endpoint: Endpoint[Any, Any], function: Callable[..., Any] | None, *, run_middleware: bool = False
) -> None:
    """Let `function` stand for an endpoint: `mock_endpoint(Orders.place, lambda item, pieces: ...)`.

    Arguments and results are checked and copied as the endpoint's are, and the span says that it is mocked.
    An asynchronous endpoint may have a plain double. It beats a double of the service.

    Args:
        endpoint: What is called.
        function: What is called in its place; None removes what a wider scope has set.
        run_middleware: Let middleware and authentication apply as well.

    Raises:
        BadDoubleError: The first is no endpoint, or the second cannot be called as it is.
        MisusedError: No test is running.
    """
    scope = needed("mock_endpoint")
    if not isinstance(endpoint, Endpoint):
        raise BadDoubleError(
            f"mock_endpoint takes an endpoint, and {_named(endpoint)} is none",
            "Pass it through its class, `Orders.place`, marked with @api; not its name, nor a bound method.",
        )
    if function is not None:
        doubles.check(endpoint, function)
    scope.values[endpoint] = (
        None if function is None else doubles.Double(function, run_middleware=run_middleware)
    )


def mock_service(service: type[Service], double: object, *, run_middleware: bool = False) -> None:
    """Let an object stand for a service: its methods are called in place of the endpoints of the same name.

    It needs only the methods that are called.

    Args:
        service: The class.
        double: The object; None removes what a wider scope has set.
        run_middleware: Let middleware and authentication apply as well.

    Raises:
        BadDoubleError: The first is no service, or the second has none of its methods, or they do not fit.
        MisusedError: No test is running.
    """
    scope = needed("mock_service")
    if not _is_service(service):
        raise BadDoubleError(
            f"mock_service takes the class of a service, and {_named(service)} is none",
            "Pass the class that derives from Service; for one endpoint use `mock_endpoint`.",
        )
    if double is None:
        scope.values[service] = None
        return
    found = {name: one for name, one in endpoints(service).items() if callable(getattr(double, name, None))}
    if not found:
        raise BadDoubleError(
            f"{_named(double)} cannot stand for {service.__name__}: it has none of its endpoints",
            f"They are {', '.join(endpoints(service)) or 'none: mark methods with @api'}.",
        )
    for name, endpoint in found.items():
        doubles.check(endpoint, getattr(double, name))
    scope.values[service] = doubles.Double(service=double, run_middleware=run_middleware)


def set_config(setting: Config[T], value: T) -> None:
    """Give a setting, or a secret, another value: `set_config(limit, 3)`.

    Raises:
        BadDoubleError: The first is no setting (its value, perhaps), or the second is not of its type.
        MisusedError: No test is running.
    """
    scope = needed("set_config")
    if not isinstance(setting, Config):
        raise BadDoubleError(
            f"set_config takes a setting, and {_named(setting)} is none",
            "Pass the `Config` or `Secret` itself, `limit`, not its value `limit()`.",
        )
    scope.values[setting] = setting.checked(value)


def override_auth(user: str | None, data: Any = None) -> None:
    """Let a user call, in this scope; None is nobody. `with as_user(...)` beats it, for some calls.

    Raises:
        BadDoubleError: `data` is not what the application's authenticator gives.
        MisusedError: No test is running.
    """
    needed("override_auth").values[auth.OVERRIDE] = auth.made("override_auth", user, data)


def published_messages(topic: Topic[T]) -> Messages[T]:
    """Return what exactly this test has published on a topic, in order.

    Raises:
        BadDoubleError: It is no topic.
        MisusedError: No test is running.
    """
    scope = needed_test("published_messages")
    return delivery.decoded(_topic("published_messages", topic), messages_of(scope, topic))


def deliver(topic: Topic[T], *, allow_dead_letters: bool = False) -> Delivery[T]:
    """Run the subscribers of a topic now, for what this test has published and nobody was given yet.

    A handler that raises is tried again at once, as often as its subscription allows.

    Raises:
        DeliveryError: A message was never handled, unless that is allowed.
        BadDoubleError: It is no topic.
        MisusedError: No test is running.
    """
    scope = needed_test("deliver")
    return delivery.deliver(scope, _topic("deliver", topic), allow_dead_letters=allow_dead_letters)


async def adeliver(topic: Topic[T], *, allow_dead_letters: bool = False) -> Delivery[T]:
    """Do as `deliver` does, in a coroutine."""
    scope = needed_test("adeliver")
    return await delivery.adeliver(scope, _topic("adeliver", topic), allow_dead_letters=allow_dead_letters)


def advance_time(seconds: float) -> None:
    """Let seconds pass for caches, in this scope: entries expire.

    Raises:
        BadDoubleError: It is no number, or less than 0.
        MisusedError: No test is running.
    """
    clock.advance(needed("advance_time"), seconds)


def new_test_database(database: Database | str = "") -> str:
    """Make one more copy of a managed database, migrated and empty, until the scope ends; return its URL.

    Args:
        database: A handle, which points to the copy meanwhile, for all that use it; or a declared name, which
            may be left out where there is only one.

    Raises:
        BadDoubleError: It is neither.
        EnctestError: No database of that name is managed.
        MisusedError: No test is running.
    """
    scope = needed("new_test_database")
    if not isinstance(database, Database | str):
        raise BadDoubleError(
            f"new_test_database takes a database, and {_named(database)} is none",
            "Pass the `Database` itself.",
        )
    return managed.copy_for(scope, database)


def superuser(database: Database) -> Database:
    """Return a handle of the same database for a user who may do everything: TRUNCATE, CREATE EXTENSION.

    Raises:
        BadDoubleError: It is no database.
        EnctestError: No database of that name is managed.
        MisusedError: No test is running.
    """
    scope = needed("superuser")
    if not isinstance(database, Database):
        raise BadDoubleError(
            f"superuser takes a database, and {_named(database)} is none", "Pass the `Database` itself."
        )
    return managed.superuser(scope, database)


def spans() -> Spans:
    """Return what this test has done so far, to be narrowed down and counted.

    Such as `assert spans().named("SELECT*").count <= 3`, `assert spans().errors == []`.

    Raises:
        MisusedError: No test is running, or nothing was recorded.
    """
    from enctest.services import trees

    for scope in needed_test("spans").up():
        scope.take_in()
    if not _spans.RECORDER.active:
        raise MisusedError(
            "spans() has nothing to show: no spans are recorded here",
            "Import `enctest.et` at the top of the test file, or ask for the fixture `spans`.",
        )
    return trees.of_test(_spans.RECORDER)


def _topic(helper: str, topic: Topic[T]) -> Topic[T]:
    if not isinstance(topic, Topic):
        raise BadDoubleError(
            f"{helper} takes a topic, and {_named(topic)} is none", "Pass the `Topic` itself."
        )
    return topic


def _is_service(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, Service) and value is not Service


def _named(value: object) -> str:
    name = getattr(value, "__qualname__", None)
    return str(name) if name else f"{type(value).__name__} {value!r}"
