"""Who calls: found out at the door (HTTP), carried along from endpoint to endpoint."""

from __future__ import annotations

import typing
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from enctest.services.errors import BadDoubleError, NotAllowedError
from enctest.services.scope import UNSET, current

D = TypeVar("D")
OVERRIDE: Final = "user"
"""Key of a scope's values: who calls in a test, None for nobody."""


@dataclass(frozen=True)
class User(Generic[D]):
    """Somebody who was recognised.

    Attributes:
        id: Who.
        data: What else is known, such as roles.
    """

    id: str
    data: D


Authenticator = Callable[[Mapping[str, str]], Any]
"""Gets a request's headers (names in lower case); returns a `User`, or None for nobody; may be `async`."""

A = TypeVar("A", bound=Authenticator)

_user: ContextVar[User[Any] | None] = ContextVar("enctest_user")
_authenticators: list[Authenticator] = []


def authenticator(function: A) -> A:
    """Let `function` find out who sends an HTTP request; there is one in an application, the last counts."""
    _authenticators[:] = [function]
    return function


def the_authenticator() -> Authenticator | None:
    """Return what finds out who sends a request."""
    return _authenticators[-1] if _authenticators else None


def user() -> User[Any] | None:
    """Return who calls, None for nobody."""
    try:
        return _user.get()
    except LookupError:
        scope = current()
        found = UNSET if scope is None else scope.find(OVERRIDE)
        return found if isinstance(found, User) else None


def user_id() -> str:
    """Return the id of who calls, empty for nobody."""
    found = user()
    return found.id if found is not None else ""


def enter(user: User[Any]) -> None:
    """Let somebody call from now on, in this context: the task of one request."""
    _user.set(user)


@contextmanager
def as_user(user: str | None, data: Any = None) -> Iterator[None]:
    """Call as somebody for the length of a `with` block; None is nobody.

    Raises:
        BadDoubleError: `data` is not what the authenticator gives.
    """
    token = _user.set(made("as_user", user, data))
    try:
        yield
    finally:
        _user.reset(token)


def require(endpoint: str) -> None:
    """Raise if nobody calls.

    Raises:
        NotAllowedError: Nobody does.
    """
    if user() is None:
        raise NotAllowedError(
            f"{endpoint} needs a user, and nobody is one here",
            'In a test: `et.override_auth("alice")`, or `with as_user("alice"):` around some calls.',
        )


def made(helper: str, user: object, data: Any) -> User[Any] | None:
    """Return a user for a test.

    Raises:
        BadDoubleError: `data` is not what the authenticator gives, or comes without a user.
    """
    if user is None:
        if data is not None:
            raise BadDoubleError(
                f"{helper} was given data without a user", "Nobody has no data: leave it out."
            )
        return None
    if not isinstance(user, str) or not user:
        raise BadDoubleError(f"{helper} takes the user's id, a string that is not empty, not {user!r}")
    expected = _data_type()
    if expected is not Any and not isinstance(data, expected):
        raise BadDoubleError(
            f"{helper} was given {type(data).__name__} as the user's data; "
            f"the authenticator gives {expected.__name__}",
            f"Pass it as the second argument: {helper}({user!r}, {expected.__name__}(...)).",
        )
    return User(user, data)


def _data_type() -> Any:
    """Return the class of the data that the authenticator's annotation promises, `Any` if it says nothing."""
    function = the_authenticator()
    if function is None:
        return Any
    returns = typing.get_type_hints(function).get("return", Any)
    for option in (returns, *typing.get_args(returns)):
        if typing.get_origin(option) is User:
            (data,) = typing.get_args(option)
            return data if isinstance(data, type) else Any
    return Any
