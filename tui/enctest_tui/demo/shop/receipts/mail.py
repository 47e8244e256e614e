"""Receipts as mail."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from shop.money import euros
from shop.receipts.outbox import Receipt


@dataclass(frozen=True)
class Mail:
    """A mail to one address."""

    to: str
    subject: str
    text: str


class MailError(Exception):
    """The mail server did not take the mail."""


class Mailer(Protocol):
    """Sends mail."""

    def send(self, mail: Mail) -> None:
        """Send one mail.

        Raises:
            MailError: The mail server did not take it.
        """


def write(receipt: Receipt) -> Mail:
    """Return a receipt as a mail to the customer."""
    name = receipt.customer.partition("@")[0].replace(".", " ").title()
    text = (
        f"Dear {name},\n\nthank you for your order. We have received {euros(receipt.total)}.\n\nYour shop\n"
    )
    return Mail(receipt.customer, f"Receipt for order {receipt.order}", text)
