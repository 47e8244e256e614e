"""Orders, from the basket to the payment: the orders service calls the payments service."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import httpx
import pytest
from psycopg import Connection
from psycopg.rows import TupleRow

from shop.catalogue.products import Product

pytestmark = pytest.mark.anyio

MakeProduct = Callable[..., Awaitable[Product]]
PlaceOrder = Callable[..., Awaitable[httpx.Response]]


@pytest.fixture
def stock_of(sql: Connection[TupleRow]) -> Callable[[Product], int]:
    """Reads how many pieces of a product are left."""

    def read(product: Product) -> int:
        row = sql.execute("SELECT stock FROM products WHERE sku = %s", (product.sku,)).fetchone()
        assert row is not None
        return int(row[0])

    return read


class TestPlaceOrder:
    async def test_is_paid_at_once(
        self, place_order: PlaceOrder, payments: httpx.AsyncClient, make_product: MakeProduct
    ) -> None:
        tea = await make_product(price=5_00)
        response = await place_order({tea.sku: 3})

        assert response.status_code == 201
        order = response.json()
        assert (order["status"], order["total"]) == ("paid", 15_00 + 4_90)
        assert (await payments.get(f"/payments/{order['id']}")).json()["amount"] == order["total"]

    async def test_takes_the_goods_out_of_stock(
        self, place_order: PlaceOrder, make_product: MakeProduct, stock_of: Callable[[Product], int]
    ) -> None:
        tea, pot = await make_product(stock=10), await make_product("Pot", stock=2)
        await place_order({tea.sku: 4, pot.sku: 1})

        assert (stock_of(tea), stock_of(pot)) == (6, 1)

    async def test_appears_in_the_customers_history(
        self, place_order: PlaceOrder, orders: httpx.AsyncClient, make_product: MakeProduct, customer: str
    ) -> None:
        tea = await make_product()
        for quantity in (1, 2):
            await place_order({tea.sku: quantity})

        history = (await orders.get(f"/customers/{customer}/orders")).json()

        assert [past["lines"][0]["quantity"] for past in history] == [1, 2]


class TestDiscounts:
    async def test_a_coupon_lowers_the_total(
        self, place_order: PlaceOrder, make_product: MakeProduct
    ) -> None:
        tea = await make_product(price=20_00)
        order = (await place_order({tea.sku: 1}, coupon="welcome")).json()

        assert (order["coupon_discount"], order["total"]) == (3_00, 17_00 + 4_90)

    async def test_ten_of_a_kind_are_ten_per_cent_off(
        self, place_order: PlaceOrder, make_product: MakeProduct
    ) -> None:
        tea = await make_product(price=8_00)
        order = (await place_order({tea.sku: 10})).json()

        assert order["bulk_discount"] == 8_00, "10 pieces at €8.00 must save €8.00"

    async def test_nine_of_a_kind_are_not(self, place_order: PlaceOrder, make_product: MakeProduct) -> None:
        tea = await make_product(price=8_00)

        assert (await place_order({tea.sku: 9})).json()["total"] == 72_00


class TestRefusals:
    async def test_a_declined_card_gives_the_goods_back(
        self, place_order: PlaceOrder, make_product: MakeProduct, stock_of: Callable[[Product], int]
    ) -> None:
        tea = await make_product(stock=5)
        response = await place_order({tea.sku: 2}, card="4000 0000 0000 0002")

        assert response.status_code == 402
        assert response.json() == {"detail": "the bank declined €14.90"}
        assert stock_of(tea) == 5

    async def test_one_thing_out_of_stock_refuses_the_whole_basket(
        self, place_order: PlaceOrder, make_product: MakeProduct, stock_of: Callable[[Product], int]
    ) -> None:
        tea, pot = await make_product(stock=5), await make_product("Pot", stock=0)
        response = await place_order({tea.sku: 2, pot.sku: 1})

        assert response.status_code == 409
        assert stock_of(tea) == 5

    @pytest.mark.parametrize(
        "wrong",
        [{"items": {}}, {"customer": "nobody"}, {"coupon": "NOPE"}],
        ids=["empty basket", "no address", "unknown coupon"],
    )
    async def test_nonsense_is_refused(self, orders: httpx.AsyncClient, wrong: dict[str, object]) -> None:
        body = {"customer": "ada@example.org", "items": {"tea": 1}, "card": "4242424242424242"} | wrong

        assert (await orders.post("/orders", json=body)).status_code == 422
