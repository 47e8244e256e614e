"""What type checkers are to refuse: every line that says so, and no other."""

from enctest import Cache, Config, Secret, Service, Topic, api, subscription
from enctest import et

placed = Topic[str]("placed")
limit = Config("LIMIT", 3)
key = Secret("KEY")
prices = Cache[int]("prices")


class Orders(Service):
    @api
    def place(self, item: str, pieces: int = 1) -> float:
        return pieces

    @api
    async def get(self, number: int) -> list[str]:
        return [str(number)]


def calls() -> None:
    Orders.place()  # wrong
    Orders.place(3)  # wrong
    Orders.place("pen", pieces="many")  # wrong
    Orders.place("pen", price=3)  # wrong
    Orders.put("pen")  # wrong
    word: str = Orders.place("pen")  # wrong
    number: str = limit()  # wrong
    placed.publish(3)  # wrong
    prices.set("pen", "dear")  # wrong


async def awaited() -> None:
    await Orders.get("one")  # wrong
    orders: list[int] = await Orders.get(1)  # wrong
    direct: list[str] = Orders.get(1)  # wrong


def no_argument() -> float:
    return 1


def one_argument(item: str) -> float:
    return 1


def other_result(item: str, pieces: int = 1) -> str:
    return item


def other_argument(item: int, pieces: int = 1) -> float:
    return item


async def asynchronous(item: str, pieces: int = 1) -> float:
    return pieces


def doubles() -> None:
    et.mock_endpoint(Orders.place, no_argument)  # wrong
    et.mock_endpoint(Orders.place, one_argument)  # wrong, says mypy; pyright lets a default be left out
    et.mock_endpoint(Orders.place, other_result)  # wrong
    et.mock_endpoint(Orders.place, other_argument)  # wrong
    et.mock_endpoint(Orders.place, asynchronous)  # wrong
    et.mock_endpoint(Orders.get, one_argument)  # wrong
    et.mock_endpoint("Orders.place", one_argument)  # wrong
    et.mock_service(Orders(), object())  # wrong
    et.set_config(limit, "many")  # wrong
    et.set_config(limit(), 3)  # wrong
    et.set_config(key, 3)  # wrong
    et.published_messages("placed")  # wrong


@subscription(placed)  # wrong
def on_placed(item: int) -> None: ...
