"""A double of a service: an object with the methods that are called, such as a mock."""

from unittest.mock import Mock

from enctest import as_user, et
from shop.orders import Orders
from shop.payments import Payments


class Bank:
    """Has the one method that is needed."""

    def charge(self, customer: str, cents: int, card: str) -> str:
        return f"{customer} paid {cents}"


def test_an_object_stands_for_a_service() -> None:
    et.mock_service(Payments, Bank())
    with as_user("bob", "customer"):
        assert Orders.place("pen", 3).receipt == "bob paid 300"


def test_so_does_a_mock_with_its_specification() -> None:
    bank = Mock(spec=Bank)
    bank.charge.return_value = "receipt"
    et.mock_service(Payments, bank)
    with as_user("bob", "customer"):
        assert Orders.place("pen", 3).receipt == "receipt"
    bank.charge.assert_called_once()


def test_a_double_of_an_endpoint_beats_it() -> None:
    et.mock_service(Payments, Bank())
    et.mock_endpoint(Payments.charge, lambda customer, cents, card: "nearer")
    with as_user("bob", "customer"):
        assert Orders.place("pen").receipt == "nearer"
