"""The services as a server starts them, such as `uvicorn --factory shop.main:orders`."""

from __future__ import annotations

import httpx
from fastapi import FastAPI

from enctest import use_transport
from shop import settings
from shop.catalogue.api import create_app as create_catalogue
from shop.database import Database
from shop.orders.api import create_app as create_orders
from shop.orders.payments import PaymentsClient
from shop.payments.api import create_app as create_payments
from shop.warehouse import AtOnce


def catalogue() -> FastAPI:
    """Return the catalogue service."""
    return create_catalogue(Database(settings.database.url))


def orders() -> FastAPI:
    """Return the orders service, which calls the payments service over HTTP."""
    use_transport(AtOnce())
    http = httpx.AsyncClient(base_url=settings.payments_url())
    return create_orders(Database(settings.database.url), PaymentsClient(http))


def payments() -> FastAPI:
    """Return the payments service."""
    return create_payments(Database(settings.database.url))
