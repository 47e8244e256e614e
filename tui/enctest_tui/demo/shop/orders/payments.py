"""Calls the payments service."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

import httpx
from opentelemetry import trace

from shop.errors import BankBusyError, CardDeclinedError, CardError
from shop.money import Cents, euros

logger = logging.getLogger(__name__)
tracer = trace.get_tracer(__name__)

PAUSES = (0.5, 1.0)
"""Seconds to wait before the second and the third attempt, as the bank asks its customers to."""


class PaymentsClient:
    """Charges cards.

    Args:
        http: A client whose base URL is the payments service.
        pauses: Seconds to wait before each further attempt while the bank is busy.
    """

    def __init__(self, http: httpx.AsyncClient, pauses: Sequence[float] = PAUSES) -> None:
        self._http = http
        self._pauses = pauses

    async def charge(self, order: int, amount: Cents, card: str) -> str:
        """Charge `amount` for an order; return the bank's reference.

        Raises:
            CardError: That is no card number.
            CardDeclinedError: The bank said no.
            BankBusyError: The bank was still busy at the last attempt.
        """
        with tracer.start_as_current_span("charge card") as span:
            span.set_attributes({"shop.order": order, "shop.amount": amount})
            logger.info("charging %s for order %d", euros(amount), order)
            body = {"order_id": order, "amount": amount, "card": card}
            for pause in (*self._pauses, None):
                response = await self._http.post("/payments", json=body)
                if response.status_code != BankBusyError.status or pause is None:
                    break
                await self._wait(pause)
            return _reference(response)

    async def _wait(self, seconds: float) -> None:
        logger.warning("the bank is busy, trying again in %.1f s", seconds)
        with tracer.start_as_current_span("wait for the bank") as span:
            span.set_attribute("shop.seconds", seconds)
            await asyncio.sleep(seconds)


def _reference(response: httpx.Response) -> str:
    for error in (CardError, CardDeclinedError, BankBusyError):
        if response.status_code == error.status:
            raise error(response.json()["detail"])
    response.raise_for_status()
    return str(response.json()["reference"])
