"""Payments over HTTP."""

from __future__ import annotations

import logging
from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI, status
from opentelemetry import trace
from pydantic import BaseModel, Field

from shop.database import Database, of_app
from shop.errors import NotFoundError, install_handlers
from shop.payments import cards
from shop.payments.bank import Bank
from shop.payments.store import Payment, Payments

logger = logging.getLogger(__name__)
tracer = trace.get_tracer(__name__)
router = APIRouter(prefix="/payments")


class NewPayment(BaseModel):
    """A payment as a client describes it; `amount` in cents."""

    order_id: int
    amount: int = Field(gt=0)
    card: str


@router.post("", status_code=status.HTTP_201_CREATED)
async def pay(new: NewPayment, database: Annotated[Database, Depends(of_app)]) -> Payment:
    """Take money for an order; the same order is charged once, however often it is asked."""
    card = cards.normalise(new.card)
    async with database.transaction() as connection:
        earlier = await Payments(connection).find(new.order_id)
        if earlier is not None:
            logger.info("order %d has been paid before", new.order_id)
            return earlier
        with tracer.start_as_current_span("authorise") as span:
            span.set_attributes({"shop.card": cards.mask(card), "shop.amount": new.amount})
            reference = await Bank.authorise(card, new.amount)
        payment = Payment(new.order_id, new.amount, cards.mask(card), reference)
        await Payments(connection).add(payment)
    return payment


@router.get("/{order}")
async def read_payment(order: int, database: Annotated[Database, Depends(of_app)]) -> Payment:
    """Return the payment of an order."""
    async with database.transaction() as connection:
        payment = await Payments(connection).find(order)
    if payment is None:
        raise NotFoundError(f"order {order} has not been paid")
    return payment


def create_app(database: Database) -> FastAPI:
    """Return the payments service."""
    app = FastAPI(title="Payments")
    app.state.database = database
    app.include_router(router)
    install_handlers(app)
    return app
