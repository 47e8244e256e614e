"""The nearest scope wins: test, class, module, package, session."""

from enctest import et
from shop.orders import most_pieces


def test_the_package_says_one() -> None:
    assert most_pieces() == 1


def test_a_test_says_something_else() -> None:
    et.set_config(most_pieces, 5)
    assert most_pieces() == 5
