"""Orders: they are paid for, written down, and told to whoever wants to know."""

from pydantic import BaseModel

from enctest import Config, Next, Request, Service, Topic, api, user_id
from shop.payments import Payments

most_pieces = Config("MOST_PIECES", 10)


class Order(BaseModel):
    number: int
    customer: str
    item: str
    pieces: int
    receipt: str = ""


placed = Topic[Order]("orders-placed")
journal: list[str] = []


def journalled(request: Request, following: Next) -> object:
    """Middleware: write down who called what."""
    journal.append(f"{request.endpoint.name} {request.arguments.get('item', '')}".strip())
    return following(request)


class Orders(Service):
    middleware = (journalled,)

    def start(self) -> None:
        self.orders: list[Order] = []

    @api(auth=True)
    def place(self, item: str, pieces: int = 1) -> Order:
        """Place an order for whoever calls."""
        if pieces > most_pieces():
            raise ValueError(f"at most {most_pieces()} pieces")
        order = Order(number=len(self.orders) + 1, customer=user_id(), item=item, pieces=pieces)
        order.receipt = Payments.charge(order.customer, 100 * pieces, card="4000 1234")
        self.orders.append(order)
        placed.publish(order)
        return order

    @api(method="GET", path="/orders/{number}")
    def get(self, number: int) -> Order | None:
        """Find an order."""
        return next((order for order in self.orders if order.number == number), None)
