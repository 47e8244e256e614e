import asyncio

import asyncpg
import pytest
from bank import balances, open_account, pool, transfer

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("attempt", range(8))
async def test_a_transfer(attempt):
    await (await pool()).execute("update account set balance = balance + 100 where id = 1")
    ada = await open_account("ada")
    await transfer(1, ada, 30)
    assert await balances() == {"the bank": 70, "ada": 30}


@pytest.mark.parametrize("attempt", range(8))
async def test_a_transfer_that_is_refused(attempt):
    ada = await open_account("ada")
    with pytest.raises(asyncpg.CheckViolationError):
        await transfer(1, ada, 30)
    assert await balances() == {"the bank": 0, "ada": 0}


@pytest.mark.parametrize("attempt", range(4))
async def test_all_connections_at_once(attempt):
    numbers = await asyncio.gather(*(open_account(f"{n}") for n in range(4)))
    assert sorted(numbers) == [2, 3, 4, 5]


@pytest.mark.parametrize("attempt", range(2))
async def test_what_the_pool_sets_is_set(attempt):
    async with (await pool()).acquire() as connection:
        assert await connection.fetchval("show application_name") == "bank"
        assert await connection.fetchval("show search_path") == "public"
