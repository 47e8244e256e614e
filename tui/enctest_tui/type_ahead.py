"""Keys one at a time: the next is looked at when all has happened that the last one asked for.

Textual sends a key to what has the focus when the key arrives. The key before it may be about to move the
focus, so what is typed fast, or pasted, would go astray: of `/div`, the `d` would open the debugger.
"""

from __future__ import annotations

from collections import deque
from functools import partial

from textual import events
from textual.app import App
from textual.dom import DOMNode
from textual.message_pump import MessagePump

_PATIENCE = 0.5
"""Seconds after which the next key goes on in any case: something that the last one went by was closed."""


class TypeAhead:
    """Holds keys back while one is on its way.

    Args:
        app: Whose keys they are.
    """

    def __init__(self, app: App[None]) -> None:
        self._app = app
        self._waiting: deque[events.Key] = deque()
        self._again: events.Key | None = None
        self._on_the_way = 0
        self._count = 0

    def holds(self, key: events.Key) -> bool:
        """Say whether a key that has arrived has to wait; if so, it comes again."""
        if key is self._again:
            self._again = None
            return False
        if not self._on_the_way and self._again is None:
            return False
        self._waiting.append(key)
        return True

    def sent(self, start: DOMNode) -> None:
        """Say that a key is on its way, to what had the focus."""
        self._count += 1
        self._on_the_way = self._count
        app = self._app
        # The way that a key bubbles; then once more the app, which moves the focus in a message of its own.
        self._follow([*start.ancestors_with_self, app, app], self._count)
        app.set_timer(_PATIENCE, partial(self._arrived, self._count))

    def _follow(self, way: list[MessagePump], number: int) -> None:
        if not way:
            self._arrived(number)
        elif not way[0].call_later(self._follow, way[1:], number):
            self._follow(way[1:], number)

    def _arrived(self, number: int) -> None:
        if number != self._on_the_way:
            return
        self._on_the_way = 0
        if self._waiting:
            self._again = self._waiting.popleft()
            self._app.post_message(self._again)
