"""What a basket costs."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from opentelemetry import trace

from shop.money import Cents, euros, percentage

logger = logging.getLogger(__name__)
tracer = trace.get_tracer(__name__)

BULK_FROM = 10
BULK_PERCENT = 10
SHIPPING: Cents = 4_90
FREE_SHIPPING_FROM: Cents = 50_00


@dataclass(frozen=True)
class Line:
    """Some pieces of one product; `price` is that of one piece."""

    sku: str
    name: str
    price: Cents
    quantity: int

    @property
    def total(self) -> Cents:
        """Price of all pieces, before any discount."""
        return self.price * self.quantity


@dataclass(frozen=True)
class Price:
    """What an order costs, part by part."""

    goods: Cents
    bulk_discount: Cents = 0
    coupon_discount: Cents = 0
    shipping: Cents = 0

    @property
    def total(self) -> Cents:
        """What the customer pays."""
        return self.goods - self.bulk_discount - self.coupon_discount + self.shipping


def bulk_discount(line: Line) -> Cents:
    """Return what a line saves: 10 per cent from ten pieces on."""
    if line.quantity > BULK_FROM:
        return percentage(line.total, BULK_PERCENT)
    return 0


def shipping(goods: Cents) -> Cents:
    """Return what it costs to send goods that are worth this much after discounts."""
    return 0 if goods >= FREE_SHIPPING_FROM else SHIPPING


def price_order(lines: Sequence[Line], coupon_percent: int = 0) -> Price:
    """Price a basket; the coupon counts on what the bulk discount leaves."""
    with tracer.start_as_current_span("price order") as span:
        goods = sum(line.total for line in lines)
        bulk = sum(bulk_discount(line) for line in lines)
        coupon = percentage(goods - bulk, coupon_percent)
        price = Price(goods, bulk, coupon, shipping(goods - bulk - coupon))
        span.set_attributes(
            {
                "shop.pieces": [line.quantity for line in lines],
                "shop.goods": price.goods,
                "shop.bulk_discount": price.bulk_discount,
                "shop.coupon_discount": price.coupon_discount,
                "shop.shipping": price.shipping,
                "shop.total": price.total,
            }
        )
        logger.info("goods for %s cost %s in all", euros(goods), euros(price.total))
    return price
