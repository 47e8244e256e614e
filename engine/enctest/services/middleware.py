"""What runs around endpoints: of all services, and of one."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from enctest.services import auth

if TYPE_CHECKING:
    from enctest.services.endpoint import Endpoint


class Request:
    """One call of an endpoint, as middleware sees it.

    Attributes:
        endpoint: What is called; `name` and `service` say more.
        arguments: By name, defaults included; what middleware puts there is what the endpoint gets.
        state: For middleware to leave things in.
    """

    def __init__(self, endpoint: Endpoint[Any, Any], arguments: dict[str, Any]) -> None:
        self.endpoint = endpoint  # not a field of a dataclass: checkers would take it for a descriptor
        self.arguments = arguments
        self.state: dict[str, Any] = {}

    @property
    def user(self) -> auth.User[Any] | None:
        """Who calls."""
        return auth.user()


Next = Callable[[Request], Any]
Middleware = Callable[[Request, Next], Any]
"""Gets the request and what to call with it; returns the result. `async` for asynchronous endpoints only."""

M = TypeVar("M", bound=Middleware)

_everywhere: list[Middleware] = []


def middleware(function: M) -> M:
    """Let `function` run around the endpoints of all services, the first one outermost."""
    _everywhere.append(function)
    return function


def around(endpoint: Endpoint[Any, Any]) -> tuple[Middleware, ...]:
    """Return what runs around an endpoint, outermost first."""
    return (*_everywhere, *endpoint.service.middleware)


def chain(found: tuple[Middleware, ...], last: Next) -> Next:
    """Return what calls all of them, and `last` in the end."""
    for one in reversed(found):
        last = _link(one, last)
    return last


def _link(one: Middleware, following: Next) -> Next:
    def call(request: Request) -> Any:
        return one(request, following)

    return call


def is_asynchronous(function: Any) -> bool:
    """Tell whether calling `function` gives a coroutine."""
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        getattr(function, "__call__", None)  # noqa: B004 - an object that is called, such as a mock
    )
