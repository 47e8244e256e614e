"""One session of the server that several connections of an application have together, one at a time.

A transaction is always open in it. What the application takes for a transaction is a savepoint there, so
its commits are seen by all its connections, and gone when the transaction is rolled back.
"""

from __future__ import annotations

import select
import struct
import time
from collections.abc import Callable
from contextlib import suppress
from socket import AF_UNIX, socket
from threading import Condition
from typing import Protocol

from enctest.databases.protocol import fields, literal

Message = tuple[bytes, bytes]
"""A letter and a body."""

_PROTOCOL = 196608  # 3.0
_CANCEL = 80877102
_PATIENCE = 2.0
"""Seconds that one connection waits until another has ended its transaction."""
_LONG = 30.0
"""Seconds that it waits while the server works for another."""
_COURTESY = 0.005
"""Seconds that it waits before it begins within another's."""
_INSIDE_ONLY = "25001"
_HINT = 'Use isolation = "test" for this test: then it has a database of its own, and nothing is rolled back.'
CHECK = "savepoint enctest_check; set constraints all immediate; rollback to enctest_check"
"""Checks what is deferred to the end of a transaction, and defers it again."""


class Member(Protocol):
    """A connection of the application's."""

    savepoint: str
    has_written: bool
    others_have_written: bool


class LostError(ConnectionError):
    """The server has ended the session."""


class RefusedError(Exception):
    """What an application asks for cannot be had in a transaction that is rolled back.

    Attributes:
        answer: What it is told.
    """

    def __init__(self, answer: Message) -> None:
        super().__init__(answer)
        self.answer = answer


class Wire:
    """Messages over a socket.

    Args:
        sock: It.
        lost: What is raised, by every method, when the other end is gone.
    """

    def __init__(self, sock: socket, lost: type[OSError] = ConnectionResetError) -> None:
        self.socket = sock
        self._lost = lost
        self._buffer = bytearray()

    def take(self, size: int) -> bytes:
        """Return the next bytes."""
        while len(self._buffer) < size:
            self.fill()
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        return data

    def has_message(self) -> bool:
        """Tell whether the next message is here."""
        buffer = self._buffer
        return len(buffer) > 4 and len(buffer) > struct.unpack_from("!i", buffer, 1)[0]  # noqa: PLR2004 - head

    def message(self) -> Message:
        """Return the next message: its letter and its body."""
        head = self.take(5)
        return head[:1], self.take(struct.unpack_from("!i", head, 1)[0] - 4)

    def fill(self) -> None:
        """Read what has come, at least something."""
        try:
            data = self.socket.recv(2**16)
        except OSError as error:
            raise self._lost from error
        if not data:
            raise self._lost
        self._buffer += data

    def send(self, *messages: Message) -> None:
        """Send messages; what comes meanwhile is read, lest both ends wait for each other."""
        data = memoryview(b"".join(packed(*each) for each in messages))
        while data:
            try:
                readable, writable, _ = select.select([self.socket], [self.socket], [])
                sent = self.socket.send(data[: 2**14]) if writable else 0
            except (OSError, ValueError) as error:  # the latter: it is closed on our side
                raise self._lost from error
            data = data[sent:]
            if readable and not writable:
                self.fill()


class Shared:
    """The session.

    Args:
        path: The server's unix socket.
        user: Who it is.
        database: Where it is.

    Raises:
        OSError: The server is not to be reached.
        LostError: It ends the session; so from every method.
        RefusedError: It refuses.
    """

    def __init__(self, path: str, user: str, database: str) -> None:
        self.database = database
        self.condition = Condition()
        self.stack: list[Member] = []
        self.asleep: list[Member] = []
        self.status = "I"
        self.known: set[bytes] = set()
        self.worn: object = None
        self.parameters: dict[str, str] = {}
        self._path = path
        self._key = b""
        self._is_taken = False
        self.wire = Wire(_connected(path), LostError)
        body = f"user\0{user}\0database\0{database}\0\0".encode()
        self.wire.socket.sendall(struct.pack("!ii", len(body) + 8, _PROTOCOL) + body)
        try:
            while (message := self.wire.message())[0] != b"Z":
                self._starting(*message)
            self.simple("begin")
        except BaseException:  # an interrupt too: nobody else could close it
            self.close()
            raise

    def _starting(self, kind: bytes, body: bytes) -> None:
        if kind == b"S":
            name, value, _ = body.split(b"\0")
            self.parameters[name.decode()] = value.decode()
        elif kind == b"K":
            self._key = body
        elif kind == b"E":
            raise RefusedError((kind, body))

    def settle(self, tell: Callable[[bytes, bytes], None]) -> bytes | None:
        """Read until the server is ready; `tell` gets each message but errors. Return the error's body."""
        error = None
        while True:
            kind, body = self.wire.message()
            if kind == b"Z":
                self.status = body.decode()
                return error
            if kind == b"E":
                error = body
            else:
                tell(kind, body)

    def is_alive(self) -> bool:
        """Tell whether the session has not ended."""
        if self.wire.socket.fileno() < 0:
            return False
        readable, _, _ = select.select([self.wire.socket], [], [], 0)
        return not readable or self._is_taken

    def close(self) -> None:
        """End it."""
        self.wire.socket.close()

    def simple(self, sql: str) -> bytes | None:
        """Run SQL of our own; return the body of its error, if it failed."""
        self.wire.send((b"Q", sql.encode() + b"\0"))
        return self.settle(_nobody)

    def aside(self, sql: str) -> None:
        """Run SQL of our own that may fail, and must not end what is open then."""
        self.simple("savepoint enctest_aside")
        if self.simple(sql) is not None:
            self.simple("rollback to enctest_aside")
        self.simple("release enctest_aside")

    # --- whose turn it is ---

    def enter(self, member: Member, *, to_end: bool = False) -> None:
        """Wait for the turn of a connection; `to_end` its transaction, it need not be the innermost.

        Raises:
            RefusedError: Another one's transaction is open within its own, or has failed.
        """

        def is_free() -> bool:
            return not self._is_taken and (self.stack[-1:] in ([], [member]))

        def is_possible() -> bool:
            if self._is_taken:
                return False
            is_in = member in self.stack
            return to_end or self.stack[-1:] == [member] or (not is_in and self.status != "E")

        with self.condition:
            able = self.condition.wait_for(is_free, _COURTESY) or self.condition.wait_for(
                is_possible, _PATIENCE
            )
            if not able and self._is_taken:
                able = self.condition.wait_for(is_possible, _LONG)
            if not able:
                why = "is at work" if self._is_taken else "has a transaction open, or a failed one"
                raise RefusedError(error(f"another connection {why}"))
            self._is_taken = True
        if member in self.asleep:
            self.asleep.remove(member)
            if self.status != "E":  # else it only wants to end
                self.simple(f"savepoint {member.savepoint}")
                self.stack.append(member)

    def leave(self) -> None:
        """End the turn."""
        with self.condition:
            self._is_taken = False
            self.condition.notify_all()

    # --- a test ---

    def turn_over(self, how: str) -> None:
        """End the transaction (`commit` or `rollback`) and begin the next.

        Those that were open in it take themselves for open still, and are, from their next statement on.
        What still runs is cancelled.
        """
        with self.condition:
            deadline = time.monotonic() + _PATIENCE
            while self._is_taken and time.monotonic() < deadline:
                if not self.condition.wait(_COURTESY * 10):
                    self.cancel()
            if self._is_taken:
                self.close()  # somebody is in the middle of something, and does not go on
                return
            self._is_taken = True
        try:
            if how == "commit":
                self._undo_open()
            self.simple(how)
            self.simple("begin")
            self.worn = None  # what was set is rolled back too
            for member in self.stack:
                member.has_written = member.others_have_written = False
            self.asleep += self.stack
            self.stack.clear()
        finally:
            self.leave()

    def _undo_open(self) -> None:
        """Undo what is open, lest it be committed; but not what others have committed since it began."""
        begun = [member for member in self.stack if not member.others_have_written]
        if begun:
            self.simple(f"rollback to {begun[0].savepoint}")
        elif self.stack and self.status == "E":
            self.simple(f"rollback to {self.stack[-1].savepoint}")

    def cancel(self) -> None:
        """Have the server end what it does now."""
        with suppress(OSError), _connected(self._path) as canceller:
            canceller.sendall(struct.pack("!ii", 16, _CANCEL) + self._key)
            canceller.recv(1)


def parameters(words: dict[str, str]) -> dict[str, str]:
    """Return the parameters that a connection began with."""
    found = {
        key: value
        for key, value in words.items()
        if key not in {"user", "database", "replication", "options"}
    }
    parts = words.get("options", "").replace("\\ ", "\0").split()
    for flag, text in zip(["", *parts], parts, strict=False):
        given = text if flag == "-c" else text[2:] if text.startswith("-c") and len(text) > len("-c") else ""
        name, is_set, value = given.partition("=")
        if is_set:
            found[name] = value.replace("\0", " ")
    return found


def _nobody(_kind: bytes, _body: bytes) -> None:
    """Tell nobody."""


def packed(kind: bytes, body: bytes) -> bytes:
    """Return a message as bytes."""
    return kind + struct.pack("!i", len(body) + 4) + body


def error(message: str, code: str = "0A000") -> Message:
    """Return an error of ours, as a server says it."""
    texts = {"S": "ERROR", "V": "ERROR", "C": code, "M": f'isolation = "transaction": {message}', "H": _HINT}
    return b"E", b"".join(f"{key}{text}".encode() + b"\0" for key, text in texts.items()) + b"\0"


def explained(body: bytes) -> Message:
    """Return a server's error, with a hint where a transaction is what is in the way."""
    told = fields(body)
    if told.get("C") != _INSIDE_ONLY:
        return b"E", body
    told["H"] = _HINT
    return b"E", b"".join(f"{key}{text}".encode() + b"\0" for key, text in told.items()) + b"\0"


def setting(name: str, value: str) -> str:
    """Return SQL that sets a parameter of a session."""
    return f"select set_config({literal(name)}, {literal(value)}, false)"


def _connected(path: str) -> socket:
    sock = socket(AF_UNIX)
    try:
        sock.connect(path)
    except OSError:
        sock.close()
        raise
    return sock
