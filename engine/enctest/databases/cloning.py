"""Copies databases and removes them, the quickest way there is on a throw-away cluster."""

from __future__ import annotations

import time

from enctest.databases import budget
from enctest.databases.protocol import Connection, ServerError, identifier

_DUPLICATE = "42P04"
_CLONE_SINCE = 18
_STRATEGY_SINCE = 15
_NO_ROOM = "53100"
_EVICT_SECONDS = 5.0
_PAUSE = 0.05


class Cloner:
    """Works through a superuser's session.

    Args:
        connection: The session.
        major: The server's major version.
        owner: Role that copies belong to.
        limit: Sessions that a copy may have.

    Raises:
        OSError: The server is gone.
    """

    def __init__(self, connection: Connection, major: int, owner: str, limit: int = budget.LIMIT) -> None:
        self._connection = connection
        self._owner = owner
        self._limit = limit
        self._strategy = "strategy file_copy" if major >= _STRATEGY_SINCE else ""
        self._can_clone = major >= _CLONE_SINCE
        if self._can_clone:
            try:
                connection.query("set file_copy_method = 'clone'")
            except ServerError:
                self._can_clone = False  # not on this platform

    def copy(self, source: str, name: str, *, dressed: bool = False, patience: float = 0.0) -> None:
        """Make `name` a copy of `source`; `dressed` ones have parameters or rights beside their content.

        A full disk is waited for, `patience` seconds: what is no longer needed goes while others work.

        Raises:
            OSError: The server is gone.
            ServerError: It refused, for example because the disk is full.
        """
        sql = (
            f"create database {identifier(name)} template {identifier(source)} "
            f"owner {self._owner} connection limit {self._limit} {self._strategy}"
        )
        deadline = time.monotonic() + patience
        while True:
            try:
                self._copy(sql)
                break
            except ServerError as error:
                if error.sqlstate != _NO_ROOM or time.monotonic() >= deadline:
                    raise
                time.sleep(_PAUSE)
        if dressed:
            self.dress(source, name)

    def _copy(self, sql: str) -> None:
        try:
            self._connection.query(sql)
        except ServerError as error:
            if not self._can_clone or error.sqlstate == _DUPLICATE:
                raise
            self._can_clone = False  # the file system may lack what the platform has
            self._connection.query("set file_copy_method = 'copy'")
            self._connection.query(sql)

    def drop(self, database: str) -> None:
        """Remove a database; sessions still on it are ended first."""
        self.evict(database)
        self._connection.query(f"drop database if exists {identifier(database)}")

    def evict(self, database: str) -> None:
        """End all sessions on a database and let no new ones in.

        By hand, as `drop ... with (force)` takes 100 ms whenever there is one.
        """
        if not self._connection.value("select 1 from pg_database where datname = $1", database):
            return
        self._connection.query(
            f"alter database {identifier(database)} allow_connections false is_template false"
        )
        end = "select pg_terminate_backend(pid) from pg_stat_activity where datname = $1"
        deadline = time.monotonic() + _EVICT_SECONDS
        while self._connection.value(end, database) and time.monotonic() < deadline:
            time.sleep(0.001)

    def dress(self, source: str, name: str) -> None:
        """Give a copy what belongs to the database but is not in it: parameters and rights."""
        self._connection.query(
            "insert into pg_db_role_setting select n.oid, s.setrole, s.setconfig "
            "from pg_db_role_setting s, pg_database t, pg_database n "
            "where s.setdatabase = t.oid and t.datname = $1 and n.datname = $2; "
            "update pg_database n set datacl = t.datacl from pg_database t "
            "where t.datname = $1 and n.datname = $2",
            source,
            name,
        )
