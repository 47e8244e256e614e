"""What all tests share. Each has a copy of the database, and makes its own customers and products."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import psycopg
import pytest
from psycopg import AsyncConnection, Connection
from psycopg.rows import TupleRow

from enctest import et
from shop import settings
from shop.catalogue.products import Product, Products
from shop.database import Database

MakeProduct = Callable[..., Awaitable[Product]]


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def unique() -> str:
    """A word that no other test uses."""
    return uuid.uuid4().hex[:10]


@pytest.fixture(scope="session", autouse=True)
def no_real_bank() -> None:
    et.set_config(settings.bank_key, "sandbox")


@pytest.fixture
def database() -> Database:
    return Database(settings.database.url)


@pytest.fixture
async def connection(database: Database) -> AsyncIterator[AsyncConnection[TupleRow]]:
    """A transaction that is rolled back after the test."""
    async with database.transaction() as connection:
        yield connection
        await connection.rollback()


@pytest.fixture
def sql(database: Database) -> Iterator[Connection[TupleRow]]:
    """A connection for looking at, or preparing, what other connections see."""
    with psycopg.connect(database.url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def make_product(database: Database, unique: str) -> MakeProduct:
    """Puts a product on sale: `await make_product(price=2_50, stock=3)`."""
    numbers = itertools.count(1)

    async def make(name: str = "Green tea", price: int = 5_00, stock: int = 100) -> Product:
        product = Product(f"{unique}-{next(numbers)}", name, f"category {unique}", price, stock)
        async with database.transaction() as connection:
            await Products(connection).put(product)
        return product

    return make


@pytest.fixture
def customer(unique: str) -> str:
    return f"ada.lovelace+{unique}@example.org"
