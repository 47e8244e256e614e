"""Accounts, with a pool that is made when it is first asked for; no ORM."""

import os

import asyncpg

DSN = os.environ["BANK_DSN"]
_pool = None


async def pool() -> asyncpg.Pool:
    global _pool
    if _pool is None:
        _pool = await asyncpg.create_pool(
            DSN, min_size=2, max_size=4, server_settings={"search_path": "public", "application_name": "bank"}
        )
    return _pool


async def open_account(owner: str) -> int:
    return await (await pool()).fetchval("insert into account (owner) values ($1) returning id", owner)


async def transfer(source: int, target: int, amount: int) -> None:
    async with (await pool()).acquire() as connection, connection.transaction():
        await connection.execute("update account set balance = balance + $2 where id = $1", target, amount)
        await connection.execute("update account set balance = balance - $2 where id = $1", source, amount)


async def balances() -> dict[str, int]:
    return dict(await (await pool()).fetch("select owner, balance from account order by id"))
