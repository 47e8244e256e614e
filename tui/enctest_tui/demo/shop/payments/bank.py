"""The bank that takes the money."""

from __future__ import annotations

import uuid
from typing import Annotated

from enctest import Service, api, sensitive
from shop.errors import CardDeclinedError
from shop.money import Cents, euros
from shop.settings import bank_key


class Bank(Service):
    """The bank's sandbox: no money moves, and it declines cards that end in 0002."""

    def start(self) -> None:
        """Log in, once."""
        self._key = bank_key()

    @api
    async def authorise(self, card: Annotated[str, sensitive], amount: Cents) -> str:
        """Take `amount` from a card; return the bank's reference.

        Raises:
            CardDeclinedError: The bank says no.
            BankBusyError: The bank asks to try again later, as the real one does at noon.
        """
        if card.endswith("0002"):
            raise CardDeclinedError(f"the bank declined {euros(amount)}")
        return uuid.uuid5(uuid.NAMESPACE_URL, f"{self._key}/{uuid.uuid4()}").hex
