"""Topics: published, looked at, delivered, retried; in production carried by a transport."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from pydantic import BaseModel

from enctest import Service, Topic, api, et, subscription, use_transport
from enctest.errors import EnctestError
from enctest.services.errors import DeliveryError, InvalidCallError, MissingError
from enctest.services.scope import CURRENT


class Placed(BaseModel):
    item: str
    pieces: int = 1


placed = Topic[Placed]("placed")
mails: list[str] = []


@pytest.fixture(autouse=True)
def no_mails() -> Iterator[None]:
    mails.clear()
    yield
    mails.clear()


@subscription(placed, attempts=2)
def send_mail(message: Placed) -> None:
    mails.append(f"mail {message.item}")
    if message.item == "flaky" and mails.count("mail flaky") == 1:
        raise ConnectionError("busy")
    if message.item == "bad":
        raise ValueError("unknown item")


class Stock(Service):
    def start(self) -> None:
        self.taken = 0

    @subscription(placed)
    async def take(self, message: Placed) -> None:
        await asyncio.sleep(0)
        self.taken += message.pieces

    @api
    def total(self) -> int:
        return self.taken


def test_what_is_published_can_be_looked_at_and_is_a_copy() -> None:
    message = Placed(item="pen")
    first = placed.publish(message)
    placed.publish(Placed(item="cup", pieces=2))
    message.item = "changed"
    found = et.published_messages(placed)
    assert found == [Placed(item="pen"), Placed(item="cup", pieces=2)]
    assert found.ids[0] == first
    assert first.endswith("test_what_is_published_can_be_looked_at_and_is_a_copy/placed/1")
    assert mails == []


def test_each_message_is_delivered_once_to_each_subscriber() -> None:
    et.enable_service_instance_isolation()
    placed.publish(Placed(item="pen", pieces=3))
    delivery = et.deliver(placed)
    assert [attempt.subscription.name for attempt in delivery.attempts] == ["send_mail", "Stock.take"]
    assert len(delivery.handled) == 2
    assert mails == ["mail pen"]
    assert Stock.total() == 3
    assert et.deliver(placed).attempts == []


def test_a_handler_that_fails_is_tried_again() -> None:
    placed.publish(Placed(item="flaky"))
    delivery = et.deliver(placed)
    assert delivery.retries == 1
    assert delivery.dead_letters == []
    assert [str(attempt.error) for attempt in delivery.attempts if attempt.error] == ["busy"]


def test_dead_letters_fail_the_delivery_unless_allowed() -> None:
    placed.publish(Placed(item="bad"))
    with pytest.raises(DeliveryError, match="send_mail failed 2 times to handle: ValueError: unknown item"):
        et.deliver(placed)
    placed.publish(Placed(item="bad"))
    (dead,) = et.deliver(placed, allow_dead_letters=True).dead_letters
    assert (dead.message.item, dead.number, dead.subscription.name) == ("bad", 2, "send_mail")
    assert dead.message_id.endswith("/placed/2")


def test_in_a_coroutine_delivery_is_awaited() -> None:
    et.enable_service_instance_isolation()

    async def main() -> int:
        placed.publish(Placed(item="pen", pieces=4))
        with pytest.raises(DeliveryError, match=r"Use `await et\.adeliver"):
            et.deliver(placed)
        return len((await et.adeliver(placed)).handled) + Stock.total()

    assert asyncio.run(main()) == 6


def test_what_handlers_publish_is_delivered_too_but_not_forever() -> None:
    numbers = Topic[int]("numbers")
    seen: list[int] = []

    @subscription(numbers)
    def count(number: int) -> None:
        seen.append(number)
        if number != 3:
            numbers.publish(number + 1)

    numbers.publish(0)
    et.deliver(numbers)
    assert seen == [0, 1, 2, 3]
    numbers.publish(4)
    with pytest.raises(DeliveryError, match="handlers publish more and more"):
        et.deliver(numbers)


def test_a_message_is_of_its_topic() -> None:
    with pytest.raises(InvalidCallError, match="no message for the topic placed: pieces: Input should be"):
        placed.publish({"item": "pen", "pieces": "many"})  # type: ignore[arg-type]
    with pytest.raises(EnctestError, match="Topic 'nothing' does not say what it holds"):
        Topic("nothing").publish(1)  # type: ignore[arg-type]
    assert Topic("numbers", int).decode(b"3") == 3


def test_a_subscription_is_a_plain_function_for_whoever_calls_it() -> None:
    send_mail(Placed(item="pen"))
    assert mails == ["mail pen"]
    stock = Stock()
    stock.start()
    asyncio.run(stock.take(Placed(item="pen", pieces=2)))
    assert stock.taken == 2
    with pytest.raises(EnctestError, match="0 attempts"):
        subscription(placed, attempts=0)


class Carrier:
    """A transport, as an application has it."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str, bytes]] = []

    def publish(self, topic: str, message_id: str, body: bytes) -> None:
        self.sent.append((topic, message_id, body))


def test_in_production_a_transport_carries_messages() -> None:
    scope = CURRENT.set(None)  # no test is known
    carrier, own = Carrier(), Carrier()
    try:
        with pytest.raises(MissingError, match="The topic placed has no transport"):
            placed.publish(Placed(item="pen"))
        use_transport(carrier)
        message_id = placed.publish(Placed(item="pen"))
        assert carrier.sent == [("placed", message_id, b'{"item":"pen","pieces":1}')]
        send_mail.receive(carrier.sent[0][2], message_id)
        assert mails == ["mail pen"]
        Topic("placed", Placed, transport=own).publish(Placed(item="cup"))
        assert (len(own.sent), len(carrier.sent)) == (1, 1)
    finally:
        use_transport(None)
        CURRENT.reset(scope)
