"""Who calls."""

import pytest

from enctest import as_user, et, user, user_id
from shop.orders import Orders


def test_nobody_may_not_order() -> None:
    with pytest.raises(PermissionError, match="Orders.place needs a user"):
        Orders.place("pen")


def test_somebody_may() -> None:
    et.override_auth("alice", "customer")
    assert Orders.place("pen").customer == "alice"
    with as_user("bob", "customer"):
        assert Orders.place("pen").customer == "bob"
    assert Orders.place("pen").customer == "alice"


@pytest.mark.as_user("carol", "customer")
def test_a_marker_does_the_same() -> None:
    found = user()
    assert found is not None
    assert (user_id(), found.data) == ("carol", "customer")
