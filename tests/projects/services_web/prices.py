"""What books cost: a service that the web applications of all frameworks call."""

from enctest import Service, Topic, api, user_id

asked = Topic[str]("prices-asked")


class Prices(Service):
    def start(self) -> None:
        self.cents = {"Dune": 990}

    @api
    def of(self, title: str) -> int:
        """Return the price in cents."""
        asked.publish(f"{title} for {user_id() or 'nobody'}")
        return self.cents.get(title, 500)

    @api
    async def later(self, title: str) -> int:
        """Return the price in cents, in a coroutine."""
        return self.cents.get(title, 500)
