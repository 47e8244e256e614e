"""Coupons."""

from __future__ import annotations

from datetime import date

import pytest
from psycopg import AsyncConnection
from psycopg.rows import TupleRow

from shop.errors import CouponError
from shop.orders.coupons import percent_of

pytestmark = pytest.mark.anyio

TODAY = date(2025, 6, 15)


@pytest.mark.parametrize("code", ["WELCOME", "Welcome"])
async def test_capitals_do_not_matter(connection: AsyncConnection[TupleRow], code: str) -> None:
    assert await percent_of(connection, code, TODAY) == 15


async def test_an_unknown_code_is_an_error(connection: AsyncConnection[TupleRow], unique: str) -> None:
    with pytest.raises(CouponError, match=f"no coupon {unique}"):
        await percent_of(connection, unique, TODAY)


class TestExpiry:
    async def add(self, connection: AsyncConnection[TupleRow], code: str, last_day: date) -> str:
        code = code.upper()
        await connection.execute("INSERT INTO coupons VALUES (%s, 20, %s)", (code, last_day))
        return code

    async def test_counts_on_its_last_day(self, connection: AsyncConnection[TupleRow], unique: str) -> None:
        code = await self.add(connection, unique, TODAY)

        assert await percent_of(connection, code, TODAY) == 20

    async def test_is_refused_on_the_day_after(
        self, connection: AsyncConnection[TupleRow], unique: str
    ) -> None:
        code = await self.add(connection, unique, date(2025, 6, 14))

        with pytest.raises(CouponError, match="expired on 14 June 2025"):
            await percent_of(connection, code, TODAY)
