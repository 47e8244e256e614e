"""Settings and secrets with other values."""

import pytest

from enctest import as_user, et
from shop.orders import Orders, most_pieces
from shop.payments import payment_key


def test_the_default() -> None:
    assert most_pieces() == 10


def test_a_setting_has_another_value() -> None:
    et.set_config(most_pieces, 2)
    with as_user("alice", "customer"), pytest.raises(ValueError, match="at most 2 pieces"):
        Orders.place("pen", 3)


@pytest.mark.set_config(most_pieces, 3)
def test_a_marker_does_the_same() -> None:
    assert most_pieces() == 3


def test_a_secret_has_the_value_that_conftest_gives_it() -> None:
    assert payment_key() == "test"
