"""What was published, and what subscribers make of it."""

import pytest

from enctest import as_user, et
from shop import mails
from shop.orders import Orders, placed


@pytest.fixture(autouse=True)
def working_mail_server() -> None:
    mails.sent.clear()
    mails.server["works"] = True


def order(item: str) -> None:
    with as_user("alice", "customer"):
        Orders.place(item)


def test_messages_are_there_in_order_and_nobody_else_s() -> None:
    order("pen")
    order("ink")
    messages = et.published_messages(placed)
    assert [message.item for message in messages] == ["pen", "ink"]
    assert messages.ids[1].endswith("test_messages_are_there_in_order_and_nobody_else_s/orders-placed/2")
    assert mails.sent == []


def test_subscribers_run_when_they_are_told_to() -> None:
    order("pen")
    et.deliver(placed)
    assert mails.sent == ["alice: thank you for 1 x pen"]


def test_retries_and_dead_letters_can_be_seen() -> None:
    mails.server["works"] = False
    order("pen")
    delivery = et.deliver(placed, allow_dead_letters=True)
    assert delivery.retries == 2
    assert [letter.message.item for letter in delivery.dead_letters] == ["pen"]
