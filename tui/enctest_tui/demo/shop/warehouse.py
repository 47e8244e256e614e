"""The warehouse packs what has been paid for, whenever it gets to it."""

from __future__ import annotations

import logging

from pydantic import BaseModel

from enctest import Service, Topic, api, subscription

logger = logging.getLogger(__name__)


class OrderPaid(BaseModel):
    """An order that can be packed."""

    order: int
    customer: str


paid = Topic[OrderPaid]("orders-paid")


class Warehouse(Service):
    """Packs orders."""

    @api
    def pack(self, order: int) -> str:
        """Pack an order; return what it is put on."""
        logger.info("packing order %d", order)
        return f"pallet {order % 7 + 1}"


@subscription(paid, attempts=3)
def pack(message: OrderPaid) -> None:
    """Let the warehouse know."""
    Warehouse.pack(message.order)


class AtOnce:
    """Carries messages to their subscribers in the same process; a broker would take its place."""

    def publish(self, topic: str, message_id: str, body: bytes) -> None:
        """Hand one message over."""
        for each in paid.subscriptions if topic == paid.name else ():
            each.receive(body, message_id)
