"""The bank that takes the money."""

from __future__ import annotations

import uuid
from typing import Protocol

from shop.errors import BankBusyError, CardDeclinedError
from shop.money import Cents, euros


class Bank(Protocol):
    """A bank."""

    async def authorise(self, card: str, amount: Cents) -> str:
        """Take `amount` from a card; return the bank's reference.

        Raises:
            CardDeclinedError: The bank says no.
            BankBusyError: The bank asks to try again later.
        """


class SandboxBank:
    """The bank's sandbox: no money moves, and it declines cards that end in 0002.

    Attributes:
        busy: How many of the next requests it puts off, as the real bank does at noon.
    """

    def __init__(self, busy: int = 0) -> None:
        self.busy = busy

    async def authorise(self, card: str, amount: Cents) -> str:
        """Pretend to take `amount` from a card."""
        if self.busy > 0:
            self.busy -= 1
            raise BankBusyError("the bank is busy, try again later")
        if card.endswith("0002"):
            raise CardDeclinedError(f"the bank declined {euros(amount)}")
        return uuid.uuid4().hex
