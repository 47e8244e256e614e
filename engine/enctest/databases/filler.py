"""A process that keeps copies of templates ready, and drops those that were used; its owner's pipe ends it.

    python -m enctest.databases.filler SOCKET MAJOR OWNER

Each line of its input is `[template, database, dressed, number]` as JSON: how many copies are to be ready.
"""

from __future__ import annotations

import json
import os
import select
import sys
from dataclasses import dataclass
from typing import Any

from enctest.databases import copies
from enctest.databases.cloning import Cloner
from enctest.databases.protocol import Connection, ServerError, identifier

_PAUSE = 0.5
"""Seconds after which it looks without being told: another process may have died."""
_SUPERUSER = "postgres"
_BEHIND = 4
"""Used copies that may wait to be dropped while others are to be made, however large they are."""
_WAITING, _OF_FREE = 256 << 20, 4
"""Bytes of those that may: so many, or this part of what is free. Tests wait for new ones only."""


@dataclass(frozen=True)
class Wish:
    """So many copies of a template are to be ready."""

    template: str
    database: str
    dressed: bool
    number: int


class Filler:
    """Does the work, through one session.

    Raises:
        OSError: The server is gone.
    """

    def __init__(self, socket: str, major: int, owner: str) -> None:
        self._connection = Connection(
            socket, database=_SUPERUSER, user=_SUPERUSER, application="enctest fill"
        )
        self._cloner = Cloner(self._connection, major, owner)
        copies.prepare(self._connection)
        self._connection.query(f"listen {identifier(copies.CHANNEL)}")
        self._wishes: dict[str, Wish] = {}
        self._sizes: dict[str, int] = {}
        self._place = os.path.dirname(socket)  # noqa: PTH120 - as little as possible is imported

    def serve(self) -> None:
        """Work until the input ends."""
        poller = select.poll()
        poller.register(0, select.POLLIN)
        poller.register(self._connection.fileno(), select.POLLIN)
        rest = b""
        while True:
            ready = dict(poller.poll(0 if self._step() else _PAUSE * 1000))
            if 0 in ready:
                data = os.read(0, 2**16)
                if not data:
                    return
                *lines, rest = (rest + data).split(b"\n")
                for line in lines:
                    template, database, dressed, number = json.loads(line)
                    self._wishes[database] = Wish(template, database, dressed, number)

    def _step(self) -> bool:
        """Make or drop one copy; tell whether there may be more to do."""
        trash = self._connection.query("select oid from enctest.copies where state = 'trash' order by at")
        for wish in self._wishes.values():
            if len(trash) <= self._behind(wish.template) and (
                copies.ready(self._connection, wish.template) < wish.number
            ):
                return self._make(wish)
        if trash:
            self._drop(str(trash[0][0]))
        return bool(trash)

    def _behind(self, template: str) -> int:
        """Return how many used copies may wait while one of this template is made."""
        if template not in self._sizes:
            size = "select pg_database_size(oid) from pg_database where datname = $1"
            self._sizes[template] = int(self._connection.value(size, template) or 0)
        space = os.statvfs(self._place)
        room = min(_WAITING, space.f_bavail * space.f_frsize // _OF_FREE)
        return max(_BEHIND, room // max(1, self._sizes[template]))

    def _make(self, wish: Wish) -> bool:
        try:
            name = copies.new_name(self._connection)
            self._cloner.copy(wish.template, name, dressed=wish.dressed)
            copies.add(self._connection, name, wish.template, wish.database)
        except ServerError:
            return False  # no room, or the template is gone: workers see for themselves
        return True

    def _drop(self, oid: str) -> None:
        try:
            name = self._connection.value("select datname from pg_database where oid = $1::oid", oid)
            if name is not None:
                self._cloner.drop(name)
        except ServerError:
            pass  # another process is at it, or it cannot be dropped: it goes with the server
        self._connection.query("delete from enctest.copies where oid = $1::oid", oid)


def main(arguments: Any) -> int:
    """Run a filler; returns its exit code."""
    socket, major, owner = arguments
    try:
        Filler(socket, int(major), owner).serve()
    except OSError:
        return 1  # the server is gone
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
