"""Whole cents: percentages and how amounts are shown."""

from __future__ import annotations

import pytest

from shop.money import euros, percentage


@pytest.mark.parametrize(
    ("amount", "percent", "expected"),
    [
        (100_00, 15, 15_00),
        (9_99, 10, 1_00),
        (33, 50, 17),
        (12_34, 100, 12_34),
    ],
)
def test_percentage_rounds_half_a_cent_up(amount: int, percent: int, expected: int) -> None:
    assert percentage(amount, percent) == expected


@pytest.mark.parametrize(
    ("amount", "expected"),
    [(12_30, "€12.30"), (1_234_50, "€1,234.50"), (-99, "-€0.99")],
)
def test_euros_reads_like_a_price_tag(amount: int, expected: str) -> None:
    assert euros(amount) == expected
