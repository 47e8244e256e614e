"""Card numbers."""

from __future__ import annotations

from shop.errors import CardError

_LENGTHS = range(12, 20)


def normalise(card: str) -> str:
    """Return the digits of a card number.

    Raises:
        CardError: It has other characters, a wrong length or a wrong check digit.
    """
    digits = card.replace(" ", "").replace("-", "")
    if not (digits.isascii() and digits.isdigit() and len(digits) in _LENGTHS):
        raise CardError("a card number has 12 to 19 digits")
    if _luhn_sum(digits) % 10:
        raise CardError("the card number has a typing error")
    return digits


def mask(card: str) -> str:
    """Return the part of a card number that may be stored and shown."""
    return f"•••• {card[-4:]}"


def _luhn_sum(digits: str) -> int:
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += sum(divmod(value, 10))
    return total
