"""Products and their stock."""

from __future__ import annotations

import asyncio

import pytest
from psycopg import AsyncConnection, errors
from psycopg.rows import TupleRow

from enctest import et
from shop.catalogue.products import Product, Products
from shop.database import Database
from shop.errors import NotFoundError, OutOfStockError

pytestmark = pytest.mark.anyio


@pytest.fixture
def products(connection: AsyncConnection[TupleRow]) -> Products:
    return Products(connection)


@pytest.fixture
def tea(unique: str) -> Product:
    return Product(f"tea-{unique}", "Green tea", f"tea {unique}", price=4_50, stock=8)


class TestPut:
    async def test_adds_a_product(self, products: Products, tea: Product) -> None:
        assert await products.put(tea) is True
        assert await products.get(tea.sku) == tea

    async def test_replaces_the_one_with_the_same_sku(self, products: Products, tea: Product) -> None:
        await products.put(tea)
        dearer = Product(tea.sku, tea.name, tea.category, price=5_00, stock=2)

        assert await products.put(dearer) is False
        assert await products.get(tea.sku) == dearer

    @pytest.mark.parametrize(("price", "stock"), [(0, 1), (100, -1)])
    async def test_the_database_refuses_nonsense(
        self, products: Products, unique: str, price: int, stock: int
    ) -> None:
        with pytest.raises(errors.CheckViolation):
            await products.put(Product(f"bad-{unique}", "Nothing", "none", price, stock))


class TestFind:
    async def test_an_unknown_sku_is_an_error(self, products: Products, unique: str) -> None:
        with pytest.raises(NotFoundError, match=unique):
            await products.get(f"no-{unique}")

    async def test_a_category_is_sorted_by_name(self, products: Products, unique: str) -> None:
        for name in ("Sencha", "Assam", "Matcha"):
            await products.put(Product(f"{name}-{unique}", name, f"tea {unique}", 1_00))

        names = [product.name for product in await products.in_category(f"tea {unique}")]

        assert names == ["Assam", "Matcha", "Sencha"]
        assert et.spans().named("SELECT*").count == 1


class TestReserve:
    async def test_takes_pieces_out_of_stock(self, products: Products, tea: Product) -> None:
        await products.put(tea)

        assert (await products.reserve(tea.sku, 3)).stock == 5

    async def test_the_last_piece_is_worth_a_warning(
        self, products: Products, tea: Product, caplog: pytest.LogCaptureFixture
    ) -> None:
        await products.put(tea)
        await products.reserve(tea.sku, 8)

        assert f"{tea.sku} is sold out" in caplog.text

    async def test_no_more_than_there_are(self, products: Products, tea: Product) -> None:
        await products.put(tea)

        with pytest.raises(OutOfStockError, match="9 wanted, 8 left"):
            await products.reserve(tea.sku, 9)

    async def test_release_puts_them_back(self, products: Products, tea: Product) -> None:
        await products.put(tea)
        await products.reserve(tea.sku, 3)
        await products.release(tea.sku, 3)

        assert (await products.get(tea.sku)).stock == 8

    async def test_only_one_of_many_buyers_gets_the_last_piece(self, database: Database, unique: str) -> None:
        last = Product(f"last-{unique}", "Gaiwan", f"pots {unique}", 17_80, stock=1)
        async with database.transaction() as connection:
            await Products(connection).put(last)

        async def buy() -> bool:
            try:
                async with database.transaction() as connection:
                    await Products(connection).reserve(last.sku, 1)
            except OutOfStockError:
                return False
            return True

        assert sorted(await asyncio.gather(*(buy() for _ in range(5)))) == [False] * 4 + [True]
