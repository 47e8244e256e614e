"""Middleware and users around endpoints."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from enctest import Next, Request, Service, User, api, as_user, authenticator, et, middleware, user, user_id
from enctest.errors import EnctestError
from enctest.services import auth
from enctest.services import middleware as registry
from enctest.services.errors import BadDoubleError, NotAllowedError


@pytest.fixture
def seen() -> Iterator[list[str]]:
    found: list[str] = []
    before = list(registry._everywhere)

    @middleware
    def outer(request: Request, following: Next) -> Any:
        found.append(f"outer {request.endpoint.name} {request.user.id if request.user else ''}".strip())
        return following(request)

    yield found
    registry._everywhere[:] = before


@pytest.fixture
def accounts() -> Iterator[None]:
    before = list(auth._authenticators)

    @authenticator
    def known(headers: Any) -> User[Account] | None:
        return None

    yield
    auth._authenticators[:] = before


@dataclass
class Account:
    role: str


def double(request: Request, following: Next) -> Any:
    request.arguments["pieces"] *= 2
    return following(request)


class Orders(Service):
    middleware = (double,)

    @api
    def place(self, item: str, pieces: int = 1) -> int:
        return pieces

    @api
    async def later(self, pieces: int) -> int:
        return pieces

    @api(auth=True)
    def mine(self) -> str:
        return user_id()


class Desk(Service):
    @api(auth=True)
    async def whose(self) -> str:
        found = user()
        assert found is not None
        return f"{found.id} {found.data}"

    @api
    def me(self) -> str:
        return user_id()


def test_global_middleware_is_outside_of_the_services(seen: list[str]) -> None:
    assert Orders.place("pen", 3) == 6
    assert asyncio.run(Orders.later(3)) == 6
    assert seen == ["outer Orders.place", "outer Orders.later"]


def test_doubles_run_without_middleware_unless_asked(seen: list[str]) -> None:
    et.mock_endpoint(Orders.place, lambda item, pieces=1: pieces)
    assert Orders.place("pen", 3) == 3
    assert seen == []
    et.mock_endpoint(Orders.place, lambda item, pieces=1: pieces, run_middleware=True)
    assert Orders.place("pen", 3) == 6
    assert seen == ["outer Orders.place"]


def test_asynchronous_middleware_is_for_asynchronous_endpoints() -> None:
    async def slow(request: Request, following: Next) -> Any:
        await asyncio.sleep(0)
        return await following(request) + 1

    class Books(Service):
        middleware = (slow, double)

        @api
        async def later(self, pieces: int) -> int:
            return pieces

        @api
        def now(self, pieces: int) -> int:
            return pieces

    assert asyncio.run(Books.later(3)) == 7
    with pytest.raises(EnctestError, match=r"Books\.now is plain, and the middleware .*slow is asynchronous"):
        Books.now(3)


def test_who_needs_a_user_is_refused_without() -> None:
    with pytest.raises(NotAllowedError, match=r"Desk\.whose needs a user"):
        asyncio.run(Desk.whose())
    with pytest.raises(PermissionError):
        Orders.mine()


def test_a_user_goes_along(seen: list[str]) -> None:
    et.override_auth("alice", 7)
    assert Desk.me() == "alice"
    assert asyncio.run(Desk.whose()) == "alice 7"
    with as_user("bob", 8):
        assert asyncio.run(Desk.whose()) == "bob 8"
        with as_user(None):
            assert Desk.me() == ""
    assert seen[-1] == "outer Desk.me"
    et.override_auth(None)
    assert Desk.me() == ""


@pytest.mark.as_user("carol", "data")
def test_a_marker_says_who_calls() -> None:
    assert asyncio.run(Desk.whose()) == "carol data"


@pytest.mark.usefixtures("accounts")
def test_data_is_of_the_authenticators_type() -> None:
    et.override_auth("alice", Account("admin"))
    assert asyncio.run(Desk.whose()) == "alice Account(role='admin')"
    with pytest.raises(
        BadDoubleError, match=r"was given str as the user's data; the authenticator gives Account"
    ):
        et.override_auth("alice", "admin")
    with pytest.raises(BadDoubleError, match=r"as_user was given NoneType"), as_user("alice"):
        pass


@pytest.mark.parametrize(
    ("user", "data", "message"),
    [("", None, "a string that is not empty, not ''"), (3, None, "not 3"), (None, 3, "data without a user")],
)
def test_a_user_is_checked(user: Any, data: Any, message: str) -> None:
    with pytest.raises(BadDoubleError, match=message):
        et.override_auth(user, data)
