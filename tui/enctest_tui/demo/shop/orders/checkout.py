"""Places orders: stock, price, payment, receipt."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from opentelemetry import trace

from shop.catalogue.products import Products
from shop.database import Database
from shop.errors import ShopError
from shop.orders import coupons
from shop.orders.payments import PaymentsClient
from shop.orders.pricing import Line, Price, price_order
from shop.orders.store import Order, Orders
from shop.receipts import outbox
from shop.settings import receipts_queue
from shop.warehouse import OrderPaid, paid

logger = logging.getLogger(__name__)
tracer = trace.get_tracer(__name__)


@dataclass(frozen=True)
class Basket:
    """What a customer wants; `items` maps SKUs to numbers of pieces."""

    customer: str
    items: Mapping[str, int]
    coupon: str = ""


class Checkout:
    """Turns baskets into paid orders."""

    def __init__(self, database: Database, payments: PaymentsClient) -> None:
        self._database = database
        self._payments = payments

    async def place(self, basket: Basket, card: str) -> Order:
        """Reserve the goods, charge the card, and leave receipt and parcel to others.

        Raises:
            ShopError: Something is out of stock, or the coupon or the card was refused; the goods are
                back in stock then.
        """
        with tracer.start_as_current_span("place order") as span:
            number, price = await self._reserve(basket)
            span.set_attribute("shop.order", number)
            try:
                await self._payments.charge(number, price.total, card)
            except ShopError:
                await self._give_back(number)
                raise
            return await self._finish(number)

    async def _reserve(self, basket: Basket) -> tuple[int, Price]:
        async with self._database.transaction() as connection:
            percent = 0
            if basket.coupon:
                percent = await coupons.percent_of(connection, basket.coupon, datetime.now(UTC).date())
            lines = []
            # Always in the same order: two baskets with the same goods must not wait for each other.
            for sku, quantity in sorted(basket.items.items()):
                product = await Products(connection).reserve(sku, quantity)
                lines.append(Line(sku, product.name, product.price, quantity))
            price = price_order(lines, percent)
            return await Orders(connection).add(basket.customer, lines, price), price

    async def _give_back(self, number: int) -> None:
        logger.warning("order %d was not paid, the goods go back into stock", number)
        async with self._database.transaction() as connection:
            for line in await Orders(connection).lines(number):
                await Products(connection).release(line.sku, line.quantity)
            await Orders(connection).mark(number, "declined")

    async def _finish(self, number: int) -> Order:
        async with self._database.transaction() as connection:
            await Orders(connection).mark(number, "paid")
            order = await Orders(connection).get(number)
            receipt = outbox.Receipt(order.customer, order.id, order.total)
            await outbox.enqueue(connection, receipts_queue(), receipt)
        paid.publish(OrderPaid(order=order.id, customer=order.customer))
        logger.info("order %d is paid", number)
        return order
