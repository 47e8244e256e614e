"""Endpoints over HTTP, and web applications as services."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator, Mapping

import flask
import pytest
from fastapi import FastAPI
from pydantic import BaseModel
from starlette.applications import Starlette

from enctest import Service, User, api, authenticator, et, mount, user_id
from enctest.errors import EnctestError
from enctest.services import auth
from enctest.services.asgi import AsgiService
from enctest.services.errors import InvalidCallError, StartError
from enctest.services.lifecycle import close_own
from enctest.services.scope import current
from enctest.services.web import Response


class Order(BaseModel):
    item: str
    pieces: int


class Orders(Service):
    @api(method="GET", path="/orders/{number}")
    def get(self, number: int, tags: list[str] | None = None) -> Order:
        return Order(item=",".join(tags or ["pen"]), pieces=number)

    @api(path="/orders")
    async def place(self, order: Order) -> Order:
        return order

    @api(auth=True)
    def mine(self) -> str:
        return user_id()

    @api
    def fail(self) -> None:
        raise RuntimeError("broken")

    @api
    def careless(self) -> None:
        Orders.get("no number")  # type: ignore[arg-type]


@pytest.fixture(params=[Starlette, FastAPI])
def client(request: pytest.FixtureRequest) -> type[AsgiService]:
    et.enable_service_instance_isolation()
    app = request.param()
    mount(app, Orders)
    return Service.from_asgi(app, "Client")


@pytest.fixture
def tokens() -> Iterator[None]:
    before = list(auth._authenticators)

    @authenticator
    async def by_token(headers: Mapping[str, str]) -> User[None] | None:
        return User("alice", None) if headers.get("authorization") == "Bearer a" else None

    yield
    auth._authenticators[:] = before


def test_endpoints_are_served(client: type[AsgiService]) -> None:
    assert client.request("GET", "/orders/3").json() == {"item": "pen", "pieces": 3}
    assert client.request("GET", "/orders/3?tags=a&tags=b").json() == {"item": "a,b", "pieces": 3}
    answer = client.request("POST", "/orders", json={"order": {"item": "cup", "pieces": 2}})
    assert answer.json() == {"item": "cup", "pieces": 2}
    assert answer.headers["content-type"] == "application/json"


def test_doubles_are_served_too(client: type[AsgiService]) -> None:
    et.mock_endpoint(Orders.get, lambda number, tags=None: Order(item="double", pieces=number))
    assert client.request("GET", "/orders/4").json() == {"item": "double", "pieces": 4}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"order": {"item": "cup"}}', "Orders.place: order.pieces: Field required"),
        (b"no json", "Orders.place: the body is no JSON"),
        (b"[1]", "Orders.place: the body is list, not an object"),
        (b"", "Orders.place: order: Missing required argument"),
    ],
)
def test_what_does_not_fit_is_answered(client: type[AsgiService], body: bytes, message: str) -> None:
    answer = client.request("POST", "/orders", body=body)
    assert answer.status == 422
    assert message in answer.json()["error"]


@pytest.mark.usefixtures("tokens")
def test_the_authenticator_says_who_calls(client: type[AsgiService]) -> None:
    assert client.request("POST", "/Orders.mine").status == 401
    assert client.request("POST", "/Orders.mine", headers={"Authorization": "Bearer a"}).json() == "alice"
    assert client.request("POST", "/Orders.mine").status == 401
    et.override_auth("bob")
    assert client.request("POST", "/Orders.mine").json() == "bob"
    assert client.request("POST", "/Orders.mine", headers={"Authorization": "Bearer a"}).json() == "alice"


def test_an_error_of_the_endpoint_is_the_frameworks(client: type[AsgiService]) -> None:
    with pytest.raises(RuntimeError, match="broken"):
        client.request("POST", "/Orders.fail")
    with pytest.raises(InvalidCallError, match=r"Orders\.get: number"):
        client.request("POST", "/Orders.careless")


def test_other_applications_are_refused() -> None:
    with pytest.raises(EnctestError, match="Flask is no application of Starlette or FastAPI"):
        mount(flask.Flask("x"), Orders)


log: list[str] = []


@contextlib.asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
    log.append("start")
    yield
    log.append("end")


fast = FastAPI(lifespan=lifespan)


@fast.get("/books/{number}")
async def book(number: int, title: str = "") -> dict[str, object]:
    return {"number": number, "title": title, "orders": Orders.get(number).pieces}


@fast.get("/again")
async def again() -> int:
    return Fast.request("GET", "/books/1").status


@fast.post("/books")
def add(order: Order) -> Order:
    return order


flask_app = flask.Flask("books")


@flask_app.get("/books/<int:number>")
def flask_book(number: int) -> dict[str, object]:
    agent = flask.request.headers.get("X-Agent", "")
    return {"number": number, "title": flask.request.args.get("title", agent)}


@flask_app.post("/books")
def flask_add() -> tuple[dict[str, object], int]:
    return dict(flask.request.get_json()), 201


Fast = Service.from_asgi(fast, "Fast")
Books = Service.from_wsgi(flask_app, "Books")


def test_an_asgi_application_is_a_service() -> None:
    et.enable_service_instance_isolation()
    log.clear()
    et.mock_endpoint(Orders.get, lambda number, tags=None: Order(item="double", pieces=40))
    answer = Fast.request("GET", "/books/3?a=b", query={"title": "Öl & Co"})
    assert answer.json() == {"number": 3, "title": "Öl & Co", "orders": 40}
    assert answer.headers["content-type"] == "application/json"
    assert Fast.request("POST", "/books", json={"item": "a", "pieces": 1}).json() == {
        "item": "a",
        "pieces": 1,
    }
    assert Fast.request("POST", "/books", json={}).status == 422
    assert Fast.request("GET", "/nowhere").status == 404
    assert log == ["start"]
    scope = current()
    assert scope is not None
    assert close_own(scope) == []
    assert log == ["start", "end"]
    names = [node.name for node in et.spans().named("GET /books/*")]
    assert names == ["GET /books/3"]
    assert et.spans().named("Orders.get").under("GET /books/*").count == 1


@pytest.mark.anyio
async def test_it_can_be_awaited(anyio_backend_name: str) -> None:
    if anyio_backend_name == "asyncio":
        assert (await Fast.arequest("GET", "/books/3")).json()["number"] == 3
        assert (await Books.arequest("GET", "/books/3")).json()["number"] == 3


def test_an_application_does_not_wait_for_itself() -> None:
    with pytest.raises(
        EnctestError, match=r"Fast\.request was called by a coroutine of the application itself"
    ):
        Fast.request("GET", "/again")


def test_a_wsgi_application_is_a_service() -> None:
    assert Books.request("GET", "/books/3", headers={"x-agent": "me"}).json() == {"number": 3, "title": "me"}
    assert Books.request("GET", "/books/3", query={"title": "t"}).json()["title"] == "t"
    answer = Books.request("POST", "/books", json={"a": 1})
    assert (answer.status, answer.json()) == (201, {"a": 1})
    assert et.spans().kind("server").named("POST /books").under("Books.request").count == 1


def test_its_requests_have_doubles() -> None:
    et.mock_endpoint(Books.request, lambda method, path, **rest: Response(204, {}, b""))
    assert Books.request("GET", "/books/3").status == 204


def test_a_start_that_fails_is_told() -> None:
    @contextlib.asynccontextmanager
    async def failing(_app: FastAPI) -> AsyncIterator[None]:
        raise OSError("no room")
        yield

    Failing = Service.from_asgi(FastAPI(lifespan=failing), "Failing")  # noqa: N806 - a class
    with pytest.raises(StartError, match=r"Failing could not start: RuntimeError: (.|\n)*no room"):
        Failing.request("GET", "/")
