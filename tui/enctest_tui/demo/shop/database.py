"""Connections to PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from fastapi import Request
from psycopg import AsyncConnection
from psycopg.rows import TupleRow


@dataclass(frozen=True)
class Database:
    """A database that is known by its URL."""

    url: str

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection[TupleRow]]:
        """Open a connection; commit at the end of the block, roll back when it raises."""
        async with await AsyncConnection.connect(self.url) as connection:
            yield connection


def of_app(request: Request) -> Database:
    """Return the database that the application was created with (a FastAPI dependency)."""
    database: Database = request.app.state.database
    return database
