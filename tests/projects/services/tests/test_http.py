"""The whole way: HTTP, who calls, endpoint, and back."""

from enctest import Service, et
from shop.orders import placed
from shop.web import app

Shop = Service.from_asgi(app, "Shop")


def test_an_order_over_http() -> None:
    answer = Shop.request(
        "POST", "/Orders.place", json={"item": "pen", "pieces": 2}, headers={"authorization": "Bearer dora"}
    )
    assert answer.status == 200
    order = answer.json()
    assert (order["customer"], order["pieces"]) == ("dora", 2)
    assert Shop.request("GET", f"/orders/{order['number']}").json() == order
    assert [message.customer for message in et.published_messages(placed)] == ["dora"]


def test_what_does_not_fit_is_refused() -> None:
    assert Shop.request("POST", "/Orders.place", json={"item": "pen"}).status == 401
    assert Shop.request("GET", "/orders/none").status == 422
