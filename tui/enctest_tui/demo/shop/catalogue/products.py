"""Products and their stock in the database."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from opentelemetry import trace
from psycopg import AsyncConnection
from psycopg.rows import TupleRow, class_row, scalar_row

from shop.errors import NotFoundError, OutOfStockError
from shop.money import Cents

logger = logging.getLogger(__name__)
tracer = trace.get_tracer(__name__)


@dataclass(frozen=True)
class Product:
    """One thing on sale; `price` in cents, `stock` in pieces."""

    sku: str
    name: str
    category: str
    price: Cents
    stock: int = 0


class Products:
    """The table of products, as seen by one transaction."""

    def __init__(self, connection: AsyncConnection[TupleRow]) -> None:
        self._connection = connection

    async def put(self, product: Product) -> bool:
        """Add a product, or replace the one with the same SKU; return whether it is new."""
        cursor = self._connection.cursor(row_factory=scalar_row)
        await cursor.execute(
            """
            INSERT INTO products (sku, name, category, price, stock) VALUES (%s, %s, %s, %s, %s)
            ON CONFLICT (sku) DO UPDATE
               SET name = excluded.name, category = excluded.category,
                   price = excluded.price, stock = excluded.stock
            RETURNING xmax = 0
            """,
            (product.sku, product.name, product.category, product.price, product.stock),
        )
        return bool(await cursor.fetchone())

    async def get(self, sku: str) -> Product:
        """Return one product.

        Raises:
            NotFoundError: There is none.
        """
        cursor = self._connection.cursor(row_factory=class_row(Product))
        await cursor.execute("SELECT sku, name, category, price, stock FROM products WHERE sku = %s", (sku,))
        product = await cursor.fetchone()
        if product is None:
            raise NotFoundError(f"there is no product {sku}")
        return product

    async def in_category(self, category: str) -> list[Product]:
        """Return the products of a category by name."""
        cursor = self._connection.cursor(row_factory=class_row(Product))
        await cursor.execute(
            "SELECT sku, name, category, price, stock FROM products WHERE category = %s ORDER BY name",
            (category,),
        )
        return await cursor.fetchall()

    async def reserve(self, sku: str, quantity: int) -> Product:
        """Take `quantity` pieces out of stock and return the product as it is then.

        Raises:
            NotFoundError: There is no such product.
            OutOfStockError: There are fewer pieces than that.
        """
        with tracer.start_as_current_span("reserve stock") as span:
            span.set_attributes({"shop.sku": sku, "shop.quantity": quantity})
            cursor = self._connection.cursor(row_factory=class_row(Product))
            await cursor.execute(
                """
                UPDATE products SET stock = stock - %(quantity)s
                WHERE sku = %(sku)s AND stock >= %(quantity)s
                RETURNING sku, name, category, price, stock
                """,
                {"sku": sku, "quantity": quantity},
            )
            product = await cursor.fetchone()
            if product is None:
                left = (await self.get(sku)).stock
                raise OutOfStockError(f"{sku}: {quantity} wanted, {left} left")
        if product.stock == 0:
            logger.warning("%s is sold out", sku)
        return product

    async def release(self, sku: str, quantity: int) -> None:
        """Put `quantity` pieces back into stock."""
        await self._connection.execute(
            "UPDATE products SET stock = stock + %s WHERE sku = %s", (quantity, sku)
        )
