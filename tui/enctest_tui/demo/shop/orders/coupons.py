"""Coupons in the database."""

from __future__ import annotations

from datetime import date

from psycopg import AsyncConnection
from psycopg.rows import TupleRow

from shop.errors import CouponError


async def percent_of(connection: AsyncConnection[TupleRow], code: str, today: date) -> int:
    """Return how many per cent a coupon takes off; capitals do not matter.

    Raises:
        CouponError: The coupon is unknown or has expired.
    """
    cursor = await connection.execute(
        "SELECT percent, valid_until FROM coupons WHERE code = %s", (code.upper(),)
    )
    row = await cursor.fetchone()
    if row is None:
        raise CouponError(f"there is no coupon {code}")
    percent: int
    valid_until: date | None
    percent, valid_until = row
    if valid_until is not None and valid_until < today:
        raise CouponError(f"coupon {code} expired on {valid_until:%d %B %Y}")
    return percent
