"""Mails to customers, sent when orders have been placed."""

from enctest import subscription
from shop.orders import Order, placed

sent: list[str] = []
server = {"works": True}


@subscription(placed, attempts=3)
def thank(order: Order) -> None:
    """Thank a customer."""
    if not server["works"]:
        raise ConnectionError("the mail server is away")
    sent.append(f"{order.customer}: thank you for {order.pieces} x {order.item}")
