"""The catalogue service."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import httpx
import pytest

from shop.catalogue.products import Product

pytestmark = pytest.mark.anyio


async def test_a_new_product_is_created(catalogue: httpx.AsyncClient, unique: str) -> None:
    response = await catalogue.put(
        f"/products/{unique}", json={"name": "Kyusu", "category": "pots", "price": 39_50}
    )

    assert response.status_code == 201
    assert (await catalogue.get(f"/products/{unique}")).json() == response.json()


async def test_a_known_product_is_replaced(
    catalogue: httpx.AsyncClient, make_product: Callable[..., Awaitable[Product]]
) -> None:
    tea = await make_product()
    response = await catalogue.put(
        f"/products/{tea.sku}", json={"name": tea.name, "category": tea.category, "price": 9_99}
    )

    assert response.status_code == 200
    assert (await catalogue.get(f"/products/{tea.sku}")).json()["price"] == 9_99


async def test_a_category_lists_its_products(
    catalogue: httpx.AsyncClient, make_product: Callable[..., Awaitable[Product]]
) -> None:
    first = await make_product("Assam")
    await make_product("Sencha")

    response = await catalogue.get("/products", params={"category": first.category})

    assert [product["name"] for product in response.json()] == ["Assam", "Sencha"]


async def test_an_unknown_product_is_not_found(catalogue: httpx.AsyncClient, unique: str) -> None:
    response = await catalogue.get(f"/products/{unique}")

    assert response.status_code == 404
    assert response.json() == {"detail": f"there is no product {unique}"}


@pytest.mark.parametrize(
    "wrong",
    [{"price": 0}, {"name": ""}],
    ids=["free", "no name"],
)
async def test_nonsense_is_refused(
    catalogue: httpx.AsyncClient, unique: str, wrong: dict[str, object]
) -> None:
    body = {"name": "Kyusu", "category": "pots", "price": 39_50} | wrong

    assert (await catalogue.put(f"/products/{unique}", json=body)).status_code == 422
