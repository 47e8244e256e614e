"""What the services are told by the environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """Settings of all services.

    Attributes:
        database_url: Where the tables are.
        payments_url: Where the payments service listens.
        receipts_queue: The queue that receipts wait in.
    """

    database_url: str
    payments_url: str = "http://localhost:8003"
    receipts_queue: str = "receipts"

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Settings:
        """Read `DATABASE_URL`, and `PAYMENTS_URL` and `RECEIPTS_QUEUE` where they are set.

        Raises:
            ValueError: There is no `DATABASE_URL`.
        """
        url = environment.get("DATABASE_URL", "")
        if not url:
            raise ValueError("DATABASE_URL is not set")
        return cls(
            database_url=url,
            payments_url=environment.get("PAYMENTS_URL", cls.payments_url),
            receipts_queue=environment.get("RECEIPTS_QUEUE", cls.receipts_queue),
        )
