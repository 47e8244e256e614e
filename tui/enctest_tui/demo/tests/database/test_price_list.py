"""The supplier's price list."""

from __future__ import annotations

from pathlib import Path

import pytest
from psycopg import AsyncConnection
from psycopg.rows import TupleRow

from shop.catalogue.importer import Imported, import_price_list, read_price_list
from shop.catalogue.products import Products

PRICE_LIST = Path(__file__).with_name("price_list.csv")


@pytest.mark.anyio
async def test_every_line_becomes_a_product(connection: AsyncConnection[TupleRow]) -> None:
    imported = await import_price_list(Products(connection), PRICE_LIST)

    assert imported == Imported(added=24, replaced=0)
    assert (await Products(connection).get("list-012")).price == 24_00


@pytest.mark.anyio
async def test_the_next_list_replaces_the_last(connection: AsyncConnection[TupleRow]) -> None:
    await import_price_list(Products(connection), PRICE_LIST)

    assert await import_price_list(Products(connection), PRICE_LIST) == Imported(added=0, replaced=24)


@pytest.mark.parametrize(
    "line", ["x,Tea,tea,cheap,1", "x,Tea,tea,1.00,many", "x,Tea,tea,1.00"], ids=["price", "stock", "short"]
)
def test_a_broken_line_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "broken.csv"
    path.write_text(f"sku,name,category,price,stock\na,Tea,tea,1.00,1\n{line}\n", encoding="utf-8")

    with pytest.raises(ValueError, match=r"broken\.csv, line 3"):
        read_price_list(path)
