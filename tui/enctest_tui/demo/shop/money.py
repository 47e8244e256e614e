"""Amounts of money: whole cents, never floats."""

from __future__ import annotations

from typing import TypeAlias

Cents: TypeAlias = int


def percentage(amount: Cents, percent: int) -> Cents:
    """Return `percent` per cent of `amount`, half a cent rounded up."""
    return (amount * percent + 50) // 100


def euros(amount: Cents) -> str:
    """Return the amount as people read it, such as `€1,234.50`."""
    sign = "-" if amount < 0 else ""
    whole, cents = divmod(abs(amount), 100)
    return f"{sign}€{whole:,}.{cents:02}"
