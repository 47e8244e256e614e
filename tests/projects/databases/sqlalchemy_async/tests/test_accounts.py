import asyncio

import pytest
from bank import engine, open_account, owners
from sqlalchemy import text

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("attempt", range(6))
async def test_the_first_account(attempt):
    assert await owners("private") == ["the bank"]
    assert await open_account("ada", "business") == 2
    assert await owners("business") == ["ada"]


@pytest.mark.parametrize("attempt", range(6))
async def test_several_at_once(attempt):
    numbers = await asyncio.gather(*(open_account(f"{n}") for n in range(3)))
    assert sorted(numbers) == [2, 3, 4]
    assert len(await owners("private")) == 4


@pytest.mark.parametrize("attempt", range(3))
async def test_a_connection_that_is_left_in_a_transaction(attempt):
    connection = await engine.connect()
    assert (await connection.execute(text("select count(*) from account"))).scalar() == 1
    await connection.execute(text("insert into account (owner) values ('eve')"))
    await connection.close()
