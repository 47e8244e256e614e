"""What is there."""

import asyncio

from enctest import Cache, Service, api

counts = Cache[int]("counts", ttl=60)


class Stock(Service):
    async def start(self) -> None:
        await asyncio.sleep(0)  # such as opening a pool of connections
        self.shelf = {"pen": 100, "ink": 3}

    @api
    async def reserve(self, item: str, pieces: int) -> bool:
        """Take pieces away, if there are as many."""
        if self.shelf.get(item, 0) < pieces:
            return False
        self.shelf[item] -= pieces
        return True


class Shelf(Service):
    @api
    def count(self, item: str) -> int:
        """Count what is there, which takes long; for a minute the last count is good enough."""
        return counts.get_or(item, lambda: len(item) * 10)
