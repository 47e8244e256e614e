"""The services, called over HTTP but in this process."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable

import httpx
import pytest
from fastapi import FastAPI

from enctest import et
from shop.catalogue.api import create_app as create_catalogue
from shop.database import Database
from shop.orders.api import create_app as create_orders
from shop.orders.payments import PaymentsClient
from shop.payments.api import create_app as create_payments
from shop.settings import receipts_queue

GOOD_CARD = "4242 4242 4242 4242"

PlaceOrder = Callable[..., Awaitable[httpx.Response]]


def client_of(app: FastAPI, name: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=f"http://{name}")


@pytest.fixture
def order() -> int:
    """The number of an order that nobody has paid."""
    return uuid.uuid4().int >> 66


@pytest.fixture
async def catalogue(database: Database) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(create_catalogue(database), "catalogue") as client:
        yield client


@pytest.fixture
async def payments(database: Database) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(create_payments(database), "payments") as client:
        yield client


@pytest.fixture
async def orders(
    database: Database, payments: httpx.AsyncClient, unique: str
) -> AsyncIterator[httpx.AsyncClient]:
    et.set_config(receipts_queue, f"receipts-{unique}")
    async with client_of(create_orders(database, PaymentsClient(payments)), "orders") as client:
        yield client


@pytest.fixture
def place_order(orders: httpx.AsyncClient, customer: str) -> PlaceOrder:
    """Orders as the customer: `await place_order({sku: quantity})`."""

    async def place(items: dict[str, int], card: str = GOOD_CARD, coupon: str = "") -> httpx.Response:
        body = {"customer": customer, "items": items, "card": card, "coupon": coupon}
        return await orders.post("/orders", json=body)

    return place
