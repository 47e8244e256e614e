"""Accounts, with a pool that is made when this is imported and opened when it is first used."""

import os

from psycopg_pool import ConnectionPool

pool = ConnectionPool(os.environ["DATABASE_URL"], min_size=2, max_size=4, open=False)


def connection():
    pool.open()
    return pool.connection()


def open_account(owner: str) -> int:
    with connection() as one:
        return one.execute("insert into account (owner) values (%s) returning id", [owner]).fetchone()[0]


def count() -> int:
    with connection() as one:
        return one.execute("select count(*) from account").fetchone()[0]
