"""What a connection sends in the extended protocol, up to where it waits for the server to be ready."""

from __future__ import annotations

import select
from collections import deque
from typing import TYPE_CHECKING

from enctest.databases.relay_session import Message, Shared, Wire, explained

if TYPE_CHECKING:
    from enctest.databases.relay_client import Client
    from enctest.databases.transactions import Command

AUTO = "enctest_auto"
"""The savepoint around what is done outside of transactions."""


class Batch:
    """One such series of messages.

    Args:
        client: Whose they are.
        shared: Whose turn it is there.
        wire: To the client.
    """

    def __init__(self, client: Client, shared: Shared, wire: Wire) -> None:
        self._client = client
        self._shared = shared
        self._wire = wire
        self._parsing: deque[tuple[bytes, bool]] = deque()
        self._executing: deque[Command | None] = deque()
        self._held: list[Message] = []
        self._has_told = False
        self._is_alone = False

    def run(self, kind: bytes, body: bytes) -> None:
        """Pass messages on, from this first one, until all of them are answered, but for the last word."""
        self._is_alone = self._client not in self._shared.stack
        if self._is_alone:
            self._shared.simple(f"savepoint {AUTO}")
        while True:
            self._forward(kind, body)
            if kind == b"S":
                break
            if kind == b"H":
                self._answer()
            kind, body = self._client.next((b"S", b""))
        failed = self._shared.settle(self._tell)
        if failed is not None:
            self._shared.known.difference_update(name for name, _ in self._parsing)
        if self._is_alone and self._client not in self._shared.stack:
            failed = self._client.end_alone(failed)
        if failed is None:
            self._client.tell(*self._held)
        elif not self._has_told:
            self._client.tell(explained(failed))

    def _answer(self) -> None:
        """Pass answers on until the client sends more."""
        while not self._wire.has_message():
            readable, _, _ = select.select([self._wire.socket, self._shared.wire.socket], [], [])
            if self._shared.wire.socket in readable:
                self._shared.wire.fill()
                while self._shared.wire.has_message():
                    kind, body = self._shared.wire.message()
                    if kind == b"E":
                        self._client.tell(explained(body))
                        self._has_told = True
                    else:
                        self._tell(kind, body)
            elif self._wire.socket in readable:
                try:
                    self._wire.fill()
                except ConnectionResetError:
                    return  # who asks for the next message is told

    # --- to the server ---

    def _forward(self, kind: bytes, body: bytes) -> None:
        match kind:
            case b"P":
                name, text = body.split(b"\0", 1)
                text, _ = self._client.prepare(name, text)
                self._parse(self._client.name(name), text, is_asked=True)
            case b"B":
                portal, name, rest = body.split(b"\0", 2)
                self._know(name)
                self._client.bind(portal, name)
                self._send(kind, self._client.name(portal) + b"\0" + self._client.name(name) + b"\0" + rest)
            case b"D" | b"C":
                what, name = body[:1], body[1:-1]
                if what == b"S" and kind == b"D":
                    self._know(name)
                self._send(kind, what + self._client.name(name) + b"\0")
                if what == b"S" and kind == b"C":
                    self._client.forget(name)
            case b"E":
                portal, rest = body.split(b"\0", 1)
                self._executing.append(self._client.command_of(portal))
                self._send(kind, self._client.name(portal) + b"\0" + rest)
            case _:
                self._send(kind, body)

    def _parse(self, name: bytes, text: bytes, *, is_asked: bool) -> None:
        self._parsing.append((name, is_asked))
        if name:
            self._shared.known.add(name)
        self._send(b"P", name + b"\0" + text)

    def _know(self, name: bytes) -> None:
        """Tell the session a statement that was prepared in an earlier one, or rolled back."""
        text = self._client.lacking(name)
        if text is not None:
            self._parse(self._client.name(name), text, is_asked=False)

    def _send(self, kind: bytes, body: bytes) -> None:
        self._shared.wire.send((kind, body))

    # --- to the client ---

    def _tell(self, kind: bytes, body: bytes) -> None:
        if kind == b"1" and not self._parsing.popleft()[1]:
            return
        self._client.tell(*self._held)
        self._held.clear()
        if kind in {b"C", b"I", b"s"}:
            asked = self._executing.popleft()
            if asked is not None:
                body = self._done(asked)
            elif kind == b"C":
                self._client.note(body)
            if self._is_alone:
                self._held.append((kind, body))
                return
        self._client.tell((kind, body))
        if kind == b"G":
            self._client.copy_in()
            self._shared.wire.send(self._client.next((b"S", b"")))

    def _done(self, asked: Command) -> bytes:
        tag = asked.tag
        if asked.kind == "begin":
            self._client.begun()
        elif asked.kind in {"commit", "rollback"}:
            if self._shared.status == "E":
                tag = "ROLLBACK"
            self._client.ended(is_kept=tag == "COMMIT")
        return tag.encode() + b"\0"
