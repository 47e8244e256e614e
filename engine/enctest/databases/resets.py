"""Makes databases fresh again between two tests, in the process that runs them.

For engines whose databases can be emptied in place: what is connected stays connected. Each lease says in a
variable what it lends, and how that is reset. The functions here are quick and open connections of their own;
they go around the modules that tests use, which may be traced or patched.
"""

from __future__ import annotations

import _socket
import _sqlite3
import atexit
import gc
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import Literal
from urllib.parse import quote

import msgspec

from enctest.databases.loading import load
from enctest.errors import EnctestError

Isolation = Literal["shared", "test", "transaction"]
VARIABLE = "ENCTEST_RESETS"
"""Says what a process has been lent: a JSON list of `Reset`."""
_SECONDS = 10.0
_in_memory: dict[str, _sqlite3.Connection] = {}
"""By name: what keeps a database in memory there while nobody is connected."""


class Reset(msgspec.Struct, frozen=True, kw_only=True):
    """A database that a process has for itself.

    Attributes:
        name: As it was declared.
        isolation: What tests get that say nothing else; `transaction` is as good as `test` here.
        call: `package.module:function` that makes it fresh, given `values`; empty where there is none.
        root: The project's folder, where that function may be.
        values: As in `Copy`.
        variables: The environment variables that lead there.
        inside: Whether it is in the memory of the process, which `run` fills.
    """

    name: str
    isolation: Isolation
    call: str
    root: str
    values: Mapping[str, str]
    variables: tuple[str, ...]
    inside: bool = False

    def run(self) -> None:
        """Make the database fresh.

        Raises:
            EnctestError: It has no way to be.
            OSError: Its server does not answer, or refuses.
        """
        if not self.call:
            raise EnctestError("its engine has no way to", "Leave out isolation.")
        function: Callable[[Mapping[str, str]], object] = load(self.call, self.root)
        function(self.values)


def lent(text: str) -> list[Reset]:
    """Read the variable."""
    return msgspec.json.decode(text, type=list[Reset]) if text else []


def sqlite(values: Mapping[str, str]) -> None:
    """Write the template over a file, through SQLite: connections that are open see the new content.

    A transaction that this process has left open is rolled back. Where something else is under way, the file
    is replaced instead, and who is at it keeps the old one.

    Raises:
        OSError: There is no room for it.
    """
    template, path = values["template"], values["path"]
    if not _write_over(template, path):
        _roll_back(path)
        if not _write_over(template, path):
            from enctest.databases.sqlite import replace

            replace(Path(template), Path(path))


def sqlite_memory(values: Mapping[str, str]) -> None:
    """Fill a database in this process's memory, which its threads share by name, from the template.

    Raises:
        OSError: A transaction has been left open, and cannot be ended from outside.
    """
    name = values["path"]
    if name not in _in_memory:
        _in_memory[name] = _sqlite3.connect(name, uri=True, check_same_thread=False)
        atexit.register(_in_memory[name].close)
    try:
        with closing(_sqlite3.connect(f"file:{quote(values['template'])}?immutable=1", uri=True)) as source:
            source.backup(_in_memory[name], progress=_give_up, sleep=0.0)
    except BlockingIOError:
        raise BlockingIOError("an earlier test has left a transaction open") from None


def _give_up(status: int, _remaining: int, _total: int) -> None:
    """End a copying that would wait for others, for ever if need be."""
    if status & 0xFF in {_sqlite3.SQLITE_BUSY, _sqlite3.SQLITE_LOCKED}:
        raise BlockingIOError


def _write_over(template: str, path: str) -> bool:
    """Tell whether nothing stood in the way."""
    try:
        with (
            closing(_sqlite3.connect(f"file:{quote(template)}?immutable=1", uri=True)) as source,
            closing(_sqlite3.connect(path, timeout=0.0)) as target,
        ):
            target.execute("pragma synchronous = off")
            source.backup(target, progress=_give_up, sleep=0.0)
    except (BlockingIOError, _sqlite3.DatabaseError):  # the latter: a test has damaged or removed the file
        return False
    return True


def _roll_back(path: str) -> None:
    """End the transactions that this thread has left open on a file."""
    is_frozen = gc.get_freeze_count() > 0
    gc.unfreeze()  # what is frozen is not among the objects
    things = gc.get_objects()
    if is_frozen:
        gc.freeze()
    for thing in things:
        if not issubclass(type(thing), _sqlite3.Connection):
            continue
        with suppress(_sqlite3.Error):  # it is closed, or another thread's
            if thing.in_transaction:
                files = _sqlite3.Connection.execute(thing, "pragma database_list").fetchall()
                if any(Path(name) == Path(path) for _, _, name in files):
                    _sqlite3.Connection.rollback(thing)


def valkey(values: Mapping[str, str]) -> None:
    """Remove all keys.

    Raises:
        OSError: The server does not answer, or refuses.
    """
    from enctest.databases.resp import ReplyError, RespConnection

    try:
        with closing(RespConnection(values["socket"])) as admin:
            if values["password"]:
                admin.call("AUTH", values["password"])
            admin.call("FLUSHALL")
    except ReplyError as error:
        raise ConnectionError(f"it refuses: {error}") from error


def s3(values: Mapping[str, str]) -> None:
    """Forget all buckets but the one of the database, and that one's content.

    Raises:
        OSError: The server does not answer, or refuses.
    """
    for method, path in (("POST", "/moto-api/reset"), ("PUT", f"/{values['bucket']}")):
        request = f"{method} {path} HTTP/1.0\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\n\r\n"
        with closing(_socket.socket()) as connection:
            connection.settimeout(_SECONDS)
            connection.connect(("127.0.0.1", int(values["port"])))
            connection.sendall(request.encode())
            answer = b""
            while b"\r\n\r\n" not in answer and (more := connection.recv(4096)):
                answer += more  # not to the end: moto keeps the connection open a while
        if b" 200 " not in answer.partition(b"\r\n")[0]:
            raise ConnectionError(f"it refuses {path}: {answer[:200]!r}")
