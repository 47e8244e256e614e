"""Orders over HTTP."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI, Request, status
from pydantic import BaseModel, Field

from shop.database import Database, of_app
from shop.errors import install_handlers
from shop.orders.checkout import Basket, Checkout
from shop.orders.payments import PaymentsClient
from shop.orders.store import Order, Orders, PastOrder

router = APIRouter()


class NewOrder(BaseModel):
    """An order as a client describes it."""

    customer: str = Field(pattern=r"^[^@\s]+@[^@\s]+$")
    items: dict[str, Annotated[int, Field(gt=0)]] = Field(min_length=1)
    card: str
    coupon: str = ""


def _checkout(request: Request) -> Checkout:
    checkout: Checkout = request.app.state.checkout
    return checkout


@router.post("/orders", status_code=status.HTTP_201_CREATED)
async def place_order(new: NewOrder, checkout: Annotated[Checkout, Depends(_checkout)]) -> Order:
    """Place an order and pay for it."""
    return await checkout.place(Basket(new.customer, new.items, new.coupon), new.card)


@router.get("/orders/{number}")
async def read_order(number: int, database: Annotated[Database, Depends(of_app)]) -> Order:
    """Return one order."""
    async with database.transaction() as connection:
        return await Orders(connection).get(number)


@router.get("/customers/{customer}/orders")
async def list_orders(customer: str, database: Annotated[Database, Depends(of_app)]) -> list[PastOrder]:
    """Return all orders of a customer with their lines."""
    async with database.transaction() as connection:
        return await Orders(connection).of_customer(customer)


def create_app(database: Database, payments: PaymentsClient) -> FastAPI:
    """Return the orders service."""
    app = FastAPI(title="Orders")
    app.state.database = database
    app.state.checkout = Checkout(database, payments)
    app.include_router(router)
    install_handlers(app)
    return app
