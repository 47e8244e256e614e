"""Takes the supplier's price list into the catalogue."""

from __future__ import annotations

import csv
import logging
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from opentelemetry import trace

from shop.catalogue.products import Product, Products

logger = logging.getLogger(__name__)
tracer = trace.get_tracer(__name__)


@dataclass(frozen=True)
class Imported:
    """How many products an import added and how many it replaced."""

    added: int
    replaced: int


def read_price_list(path: Path) -> list[Product]:
    """Read a CSV file with the columns sku, name, category, price (euros) and stock.

    Raises:
        ValueError: A line cannot be read; the message names it.
    """
    products = []
    with path.open(encoding="utf-8", newline="") as file:
        for number, row in enumerate(csv.DictReader(file, restval=""), start=2):
            try:
                product = Product(
                    sku=row["sku"],
                    name=row["name"],
                    category=row["category"],
                    price=int(Decimal(row["price"]) * 100),
                    stock=int(row["stock"]),
                )
            except (KeyError, ArithmeticError, ValueError) as error:
                raise ValueError(f"{path.name}, line {number}: {row} is no product") from error
            products.append(product)
    return products


async def import_price_list(products: Products, path: Path) -> Imported:
    """Put every product of the list at `path` into the catalogue."""
    with tracer.start_as_current_span("import price list") as span:
        wanted = read_price_list(path)
        added = sum([await products.put(product) for product in wanted])
        span.set_attributes({"shop.products": len(wanted), "shop.added": added})
    logger.info("%s: %d products, %d of them new", path.name, len(wanted), added)
    return Imported(added=added, replaced=len(wanted) - added)
