"""What the services are told by the environment."""

from __future__ import annotations

from enctest import Config, Database, Secret

database = Database("shop", env="DATABASE_URL")
"""Where the tables are."""

payments_url = Config("PAYMENTS_URL", "http://localhost:8003")
"""Where the payments service listens."""

receipts_queue = Config("RECEIPTS_QUEUE", "receipts")
"""The queue that receipts wait in."""

bank_key = Secret("BANK_KEY")
"""What the bank knows the shop by."""
