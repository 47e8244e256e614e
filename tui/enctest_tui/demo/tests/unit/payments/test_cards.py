"""Card numbers."""

from __future__ import annotations

import pytest

from shop.errors import CardError
from shop.payments.cards import mask, normalise


@pytest.mark.parametrize(
    "card",
    ["4242424242424242", "5555 5555 5555 4444", "3782-8224-631-0005"],
    ids=["plain", "spaces", "dashes"],
)
def test_a_good_number_is_reduced_to_its_digits(card: str) -> None:
    assert normalise(card) == "".join(filter(str.isdigit, card))


@pytest.mark.parametrize("card", ["4242", "4242x4242x4242x42"], ids=["short", "letters"])
def test_what_is_no_number_is_refused(card: str) -> None:
    with pytest.raises(CardError, match="12 to 19 digits"):
        normalise(card)


def test_two_swapped_digits_are_noticed() -> None:
    with pytest.raises(CardError, match="typing error"):
        normalise("2442424242424242")


def test_only_the_last_four_digits_are_kept() -> None:
    assert mask("4242424242421234") == "•••• 1234"
