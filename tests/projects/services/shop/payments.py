"""The bank, which tests had better not call."""

from typing import Annotated

from enctest import Secret, Service, api, sensitive

payment_key = Secret("PAYMENT_KEY")


class Payments(Service):
    def start(self) -> None:
        self.key = payment_key()
        self.receipts = 0

    def close(self) -> None:
        self.key = ""

    @api
    def charge(self, customer: str, cents: int, card: Annotated[str, sensitive]) -> str:
        """Take money; return the receipt's number."""
        self.receipts += 1
        return f"{self.key}-{self.receipts}"
