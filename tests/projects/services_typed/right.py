"""What type checkers are to accept, and what they are to infer."""

from collections.abc import Coroutine
from typing import Any, assert_type

from enctest import (
    Cache,
    Config,
    Database,
    Next,
    Request,
    Secret,
    Service,
    Topic,
    User,
    api,
    authenticator,
    middleware,
    subscription,
    user,
)
from enctest import et

placed = Topic[str]("placed")
counted = Topic("counted", int)
limit = Config("LIMIT", 3)
required = Config[float]("REQUIRED")
key = Secret("KEY")
prices = Cache[int]("prices", ttl=60)
shop = Database("shop")


@middleware
def timed(request: Request, following: Next) -> Any:
    return following(request)


@authenticator
async def known(headers: Any) -> User[list[str]] | None:
    return User("alice", ["admin"]) if headers else None


class Orders(Service):
    middleware = (timed,)

    async def start(self) -> None:
        self.rate = 2

    @api
    def place(self, item: str, pieces: int = 1, *, note: str = "") -> float:
        placed.publish(item)
        return self.rate * pieces

    @api(auth=True, method="GET", path="/orders/{number}")
    async def get(self, number: int) -> list[str]:
        return [str(number)]

    @api
    async def total(self) -> float:
        orders = await Orders.get(3)
        return self.place(orders[0])

    @subscription(placed, attempts=5)
    def on_placed(self, item: str) -> None: ...


@subscription(counted)
async def on_counted(number: int) -> None: ...


def calls() -> None:
    assert_type(Orders.place("pen", 3, note="blue"), float)
    assert_type(Orders.place(pieces=3, item="pen"), float)
    assert_type(Orders().place("pen"), float)
    assert_type(limit(), int)
    assert_type(required(), float)
    assert_type(key(), str)
    assert_type(prices.get("pen"), int | None)
    assert_type(prices.get_or("pen", lambda: 3), int)
    assert_type(shop.url, str)
    assert_type(placed.publish("pen"), str)
    assert_type(user(), User[Any] | None)
    on_placed = Orders.on_placed
    on_placed("pen")


async def awaited() -> None:
    assert_type(await Orders.get(3), list[str])
    coroutine: Coroutine[Any, Any, list[str]] = Orders.get(number=3)
    await coroutine


def place(item: str, pieces: int = 1, *, note: str = "") -> float:
    return pieces


async def get(number: int) -> list[str]:
    return [str(number)]


class Fixed:
    def place(self, item: str, pieces: int = 1, *, note: str = "") -> float:
        return 1


def doubles() -> None:
    et.mock_endpoint(Orders.place, place)
    et.mock_endpoint(Orders.place, lambda item, pieces=1, *, note="": 3.0, run_middleware=True)
    et.mock_endpoint(Orders.get, get)
    et.mock_endpoint(Orders.get, lambda number: [str(number)])
    et.mock_endpoint(Orders.get, None)
    et.mock_service(Orders, Fixed())
    et.set_config(limit, 4)
    et.set_config(key, "hush")
    et.override_auth("alice", ["admin"])
    assert_type(et.published_messages(placed)[0], str)
    assert_type(et.deliver(counted).handled, list[int])
    assert_type(et.spans().named("SELECT*").names, list[str])
    assert et.spans().named("SELECT*").count <= 3
    assert et.spans().errors == []
