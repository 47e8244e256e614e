"""The services as a server starts them, such as `uvicorn --factory shop.main:orders`."""

from __future__ import annotations

import os

import httpx
from fastapi import FastAPI

from shop.catalogue.api import create_app as create_catalogue
from shop.database import Database
from shop.orders.api import create_app as create_orders
from shop.orders.payments import PaymentsClient
from shop.payments.api import create_app as create_payments
from shop.payments.bank import SandboxBank
from shop.settings import Settings


def catalogue() -> FastAPI:
    """Return the catalogue service."""
    settings = Settings.from_environment(os.environ)
    return create_catalogue(Database(settings.database_url))


def orders() -> FastAPI:
    """Return the orders service, which calls the payments service over HTTP."""
    settings = Settings.from_environment(os.environ)
    http = httpx.AsyncClient(base_url=settings.payments_url)
    return create_orders(
        Database(settings.database_url), PaymentsClient(http), receipts_queue=settings.receipts_queue
    )


def payments() -> FastAPI:
    """Return the payments service."""
    settings = Settings.from_environment(os.environ)
    return create_payments(Database(settings.database_url), SandboxBank())
