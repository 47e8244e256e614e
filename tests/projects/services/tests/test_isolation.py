"""Instances of services of a test's own."""

import pytest

from enctest import as_user, et
from shop.orders import Orders


@pytest.fixture(scope="module", autouse=True)
def own_instances() -> None:
    et.enable_service_instance_isolation()


@pytest.mark.parametrize("item", ["pen", "ink"])
def test_each_test_has_an_empty_shop(item: str) -> None:
    with as_user("alice", "customer"):
        assert Orders.place(item).number == 1
        assert Orders.place(item).number == 2


def test_it_can_be_switched_off_again() -> None:
    et.enable_service_instance_isolation(False)
    with as_user("alice", "customer"):
        first = Orders.place("pen").number
    found = Orders.get(first)
    assert found is not None
    assert found.item == "pen"
