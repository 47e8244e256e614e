"""One connection of an application's to a relay."""

from __future__ import annotations

import secrets
import struct
from contextlib import suppress
from socket import socket
from typing import TYPE_CHECKING

from enctest.databases.relay_batch import AUTO, Batch
from enctest.databases.relay_session import (
    CHECK,
    LostError,
    Message,
    RefusedError,
    Shared,
    Wire,
    error,
    explained,
    parameters,
    setting,
)
from enctest.databases.transactions import Command, command, pieces, wear

if TYPE_CHECKING:
    from enctest.databases.relay import Sessions

_ENCRYPTION = {80877103, 80877104}
_CANCEL = 80877102
_CANCELLED = "57014"
_NOTHING = "savepoint enctest_nothing"
_READING = frozenset(
    b"SELECT SHOW FETCH MOVE EXPLAIN SET RESET BEGIN COMMIT ROLLBACK SAVEPOINT RELEASE DECLARE CLOSE "
    b"PREPARE DEALLOCATE DISCARD LISTEN UNLISTEN NOTIFY LOCK".split()
)
"""What statements do, as the server says it, that write nothing."""


class Client:
    """One connection of the application's.

    Args:
        sock: It.
        sessions: All sessions.
        number: Of this connection.
    """

    def __init__(self, sock: socket, sessions: Sessions, number: int) -> None:
        self.savepoint = f"enctest_{number}"
        self.has_written = self.others_have_written = False
        self._wire = Wire(sock)
        self._sessions = sessions
        self._number = number
        self._key = secrets.randbits(31)
        self._is_gone = self._is_at_work = self._is_cancelled = False
        self._generation = 0
        self._words: dict[str, str] = {}
        self._settings: list[str] = []
        self._statements: dict[bytes, bytes] = {}
        self._commands: dict[bytes, Command | None] = {}
        self._portals: dict[bytes, Command | None] = {}
        self._shared: Shared

    def run(self) -> None:
        """Serve until one of both ends leaves."""
        with suppress(OSError), self._wire.socket:
            if self._start():
                try:
                    self._serve_all()
                except LostError:
                    self._shared.close()
                finally:
                    self._sessions.forget(self._number, self._key)

    def _serve_all(self) -> None:
        while not self._is_gone:
            try:
                kind, body = self._wire.message()
            except ConnectionResetError:
                break
            if kind == b"X":
                break
            if kind != b"H":  # nothing is awaited
                self._serve(kind, body)
        self._roll_back()

    def tell(self, *messages: Message) -> None:
        """Send something to the application; a turn goes on to its end also when nobody listens."""
        try:
            self._wire.send(*messages)
        except ConnectionResetError:
            self._is_gone = True

    def next(self, instead: Message) -> Message:
        """Return the application's next message, or another one if it is gone."""
        try:
            return self._wire.message()
        except ConnectionResetError:
            self._is_gone = True
            return instead

    def cancel(self) -> None:
        """Have the server end what it does for this connection."""
        if self._is_at_work:
            self._shared.cancel()
        else:
            self._is_cancelled = True  # it may wait for its turn

    # --- beginning and end ---

    def _start(self) -> bool:
        while True:
            (size,) = struct.unpack("!i", self._wire.take(4))
            body = self._wire.take(size - 4)
            (code,) = struct.unpack_from("!i", body)
            if code not in _ENCRYPTION:
                break
            self._wire.socket.sendall(b"N")
        if code == _CANCEL:
            self._sessions.cancel(*struct.unpack_from("!ii", body, 4))
            return False
        words = [word.decode() for word in body[4:].split(b"\0")]
        self._words = {key: value for key, value in zip(words[::2], words[1::2], strict=False) if key}
        self._words.setdefault("database", self._words["user"])
        try:
            self._shared = self._sessions.join(self._words)
        except RefusedError as refused:
            self._wire.send(refused.answer)
            return False
        self._sessions.know(self._number, self._key, self)
        told = self._shared.parameters | {
            name: value for name, value in self._words.items() if name in self._shared.parameters
        }
        self._wire.send(
            (b"R", struct.pack("!i", 0)),
            *((b"S", f"{name}\0{value}\0".encode()) for name, value in told.items()),
            (b"K", struct.pack("!ii", self._number, self._key)),
            (b"Z", b"I"),
        )
        return True

    def _roll_back(self) -> None:
        """Undo what a connection leaves open."""
        if self in self._shared.asleep:
            self._shared.asleep.remove(self)
        if self in self._shared.stack:
            with suppress(RefusedError):
                self._shared.enter(self)
                try:
                    self._shared.simple(f"rollback to {self.savepoint}; release {self.savepoint}")
                finally:
                    self._shared.leave()
            self._shared.stack.remove(self)

    # --- one turn: up to where the server is ready again ---

    def _serve(self, kind: bytes, body: bytes) -> None:
        asked = command(body[:-1].decode(errors="surrogateescape")) if kind == b"Q" else None
        self._is_cancelled = False
        try:
            self._shared.enter(self, to_end=asked is not None and asked.kind in {"commit", "rollback"})
        except RefusedError as refused:
            self._refuse(kind, refused.answer)
            return
        if self._is_cancelled:
            self._shared.leave()
            self._refuse(kind, error("canceling statement due to user request", _CANCELLED))
            return
        self._is_at_work = True
        try:
            self._dress()
            if kind == b"Q":
                self._query(body[:-1].decode(errors="surrogateescape"))
            else:
                Batch(self, self._shared, self._wire).run(kind, body)
            status = self._status()
        finally:
            self._is_at_work = False
            self._shared.leave()
        self.tell((b"Z", status))

    def _refuse(self, kind: bytes, answer: Message) -> None:
        """Answer what was asked, from a first message on, by an error."""
        while kind not in {b"Q", b"S", b"F"}:
            kind, _ = self.next((b"S", b""))
        self.tell(answer, (b"Z", self._status()))

    def _status(self) -> bytes:
        if self in self._shared.asleep:
            return b"T"
        if self not in self._shared.stack:
            return b"I"
        return b"E" if self._shared.status == "E" else b"T"

    def _dress(self) -> None:
        """Make the session what this connection has made of it; only in order can it be."""
        wanted = (self._words, list(self._settings))
        if self._shared.worn == wanted or self._shared.status == "E":
            return
        own = [setting(name, value) for name, value in parameters(self._words).items()]
        if self._shared.worn is not None or own or self._settings:
            self._shared.aside("; ".join(["reset all", *own, *self._settings]))
        self._shared.worn = wanted

    def _query(self, sql: str) -> None:
        for piece in pieces(sql):
            asked = command(piece)
            if not (self.do(asked) if asked else self._run(piece)):
                return
            wear(self._settings, piece)
            self._shared.worn = (self._words, list(self._settings))

    def _run(self, sql: str) -> bool:
        """Run statements that are not about transactions; tell whether it went well."""
        is_alone = self not in self._shared.stack
        if is_alone:
            self._shared.simple(f"savepoint {AUTO}")
        self._shared.wire.send((b"Q", self._renamed(sql).encode(errors="surrogateescape") + b"\0"))
        held: list[Message] = []

        def tell(kind: bytes, body: bytes) -> None:
            self.tell(*held)
            held[:] = []
            if kind == b"C":
                self.note(body)
                held.append((kind, body))
                return
            self.tell((kind, body))
            if kind == b"G":
                self.copy_in()

        failed = self._shared.settle(tell)
        if is_alone:
            failed = self.end_alone(failed)
        if failed is None:
            self.tell(*held)
        else:
            self.tell(explained(failed))
        return failed is None

    def copy_in(self) -> None:
        """Pass on what a client copies into a table."""
        while True:
            message = self.next((b"f", b"it is gone\0"))
            self._shared.wire.send(message)
            if message[0] in {b"c", b"f"}:
                return

    def _renamed(self, sql: str) -> str:
        """Return SQL that names prepared statements as the session knows them."""
        words = sql.split(None, 2)
        if len(words) > 1 and words[0].lower() == "deallocate":
            name = sql.rsplit(maxsplit=1)[-1].rstrip(";").strip('"').encode()
            if name in self._statements:
                self._shared.known.discard(self.name(name))
                del self._statements[name]
                return f'deallocate "{self.name(name).decode()}"'
        return sql

    def end_alone(self, failed: bytes | None) -> bytes | None:
        """End what a statement outside of transactions did; return the body of the error that it has."""
        if failed is None:
            failed = self._shared.simple(f"{CHECK}; release {AUTO}")
        if failed is not None:
            self._shared.simple(f"rollback to {AUTO}; release {AUTO}")
            self.has_written = False
            return failed
        self._pass_on()
        return None

    # --- transactions ---

    def do(self, asked: Command) -> bool:
        """Do what a statement about transactions asks for; tell whether it went well."""
        problem: Message | None = None
        tag = asked.tag
        if asked.kind == "refused":
            problem = error("two-phase commit and chained transactions are not to be had")
        elif asked.kind == "begin" and self not in self._shared.stack:
            self._shared.simple(f"savepoint {self.savepoint}")
            if asked.is_read_only:
                self._shared.simple("set transaction read only")
            self.begun()
        elif asked.kind in {"discard", "forget"}:
            if asked.kind == "discard":
                self._shared.simple("reset all")
            self._forget_all()
        elif asked.kind in {"commit", "rollback"} and self in self._shared.stack:
            tag, problem = self._end(is_commit=asked.kind == "commit")
        self.tell(problem or (b"C", tag.encode() + b"\0"))
        return problem is None

    def _end(self, *, is_commit: bool) -> tuple[str, Message | None]:
        """End this connection's transaction; return what the server would say, and what went wrong."""
        problem: Message | None = None
        is_innermost = self._shared.stack[-1] is self
        if is_commit and not (is_innermost and self._shared.status == "E"):
            tag = "COMMIT"
            if is_innermost:  # else what it did is beneath the other's savepoint, and stays with it
                failed = self._shared.simple(f"{CHECK}; release {self.savepoint}")
                problem = explained(failed) if failed else None
        else:
            tag = "ROLLBACK"
            if self.others_have_written or (self.has_written and not is_innermost):
                problem = error("what another connection does meanwhile would be rolled back too")
        if is_innermost and (problem or tag == "ROLLBACK"):
            self._shared.simple(f"rollback to {self.savepoint}; release {self.savepoint}")
        self.ended(is_kept=not problem and tag == "COMMIT")
        return tag, problem

    def instead(self, asked: Command) -> str:
        """Return the one statement that does what is asked for, as far as that can be."""
        is_open = self in self._shared.stack
        if asked.kind == "begin" and not is_open:
            return f"savepoint {self.savepoint}"
        if asked.kind == "commit" and is_open and self._shared.status != "E":
            return f"release {self.savepoint}"
        if asked.kind in {"commit", "rollback"} and is_open:
            return f"rollback to {self.savepoint}"
        return "reset all" if asked.kind == "discard" else _NOTHING

    def begun(self) -> None:
        """Note that this connection's transaction has begun."""
        if self not in self._shared.stack:
            self.has_written = self.others_have_written = False
            self._shared.stack.append(self)

    def ended(self, *, is_kept: bool) -> None:
        """Note that it has ended."""
        if self in self._shared.stack:
            self._shared.stack.remove(self)
            if is_kept:
                self._pass_on()
            self.has_written = self.others_have_written = False

    def note(self, tag: bytes) -> None:
        """Note whether a statement that is done may have written something."""
        if tag.rstrip(b"\0").partition(b" ")[0] not in _READING:
            self.has_written = True

    def _pass_on(self) -> None:
        """Tell those in whose transactions this was done that it was."""
        if self.has_written or self.others_have_written:
            for other in self._shared.stack:
                other.others_have_written = True
        self.has_written = False

    # --- prepared statements ---

    def name(self, name: bytes) -> bytes:
        """Return the name that the session has for a statement or portal of this connection."""
        return b"e%d_%d_%b" % (self._number, self._generation, name) if name else name

    def prepare(self, name: bytes, text: bytes) -> tuple[bytes, Command | None]:
        """Note a statement; return its text for the session, and what it does to transactions."""
        sql, types = text.split(b"\0", 1)
        asked = command(sql.decode(errors="surrogateescape"))
        if asked is not None:
            text = self.instead(asked).encode() + b"\0" + types
        elif types == b"\0\0":
            wear(self._settings, sql.decode(errors="surrogateescape"))
        self._commands[name] = asked
        if name and asked is None:
            self._statements[name] = text
        return text, asked

    def lacking(self, name: bytes) -> bytes | None:
        """Return the text of a statement of this connection that the session has not been told of."""
        return None if self.name(name) in self._shared.known else self._statements.get(name)

    def _forget_all(self) -> None:
        """Remove this connection's statements from the session."""
        gone = [self.name(name) for name in self._statements if self.name(name) in self._shared.known]
        if gone and self._shared.status != "E":
            self._shared.aside("; ".join(f'deallocate "{name.decode()}"' for name in gone))
        self._shared.known.difference_update(gone)
        self._statements.clear()
        self._generation += 1

    def bind(self, portal: bytes, name: bytes) -> None:
        """Note what a portal is of."""
        self._portals[portal] = self._commands.get(name)

    def command_of(self, portal: bytes) -> Command | None:
        """Return what a portal's statement does to transactions."""
        return self._portals.get(portal)

    def forget(self, name: bytes) -> None:
        """Note that a statement is gone."""
        self._statements.pop(name, None)
        self._shared.known.discard(self.name(name))
