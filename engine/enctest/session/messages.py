"""What a worker of a parallel run tells its session: reports and warnings, test by test, and how it ended.

Both are one program, copied: so pickle is safe here, and whatever a report holds arrives.
"""

from __future__ import annotations

import os
import pickle
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

_HEAD = 4


@dataclass(frozen=True)
class WarningTold:
    """A warning; its class is named, since the session may not have imported it."""

    text: str
    module: str
    kind: str
    filename: str
    lineno: int
    when: str
    nodeid: str
    location: tuple[str, int, str] | None

    @classmethod
    def of(
        cls, message: warnings.WarningMessage, when: str, nodeid: str, location: tuple[str, int, str] | None
    ) -> WarningTold:
        """Return what is told of a recorded warning."""
        kind = message.category
        return cls(
            str(message.message),
            kind.__module__,
            kind.__qualname__,
            message.filename,
            message.lineno,
            when,
            nodeid,
            location,
        )

    def message(self) -> warnings.WarningMessage:
        """Return the warning as pytest's hook wants it; a class that is not imported here is imitated."""
        found: Any = sys.modules.get(self.module)
        for name in self.kind.split("."):
            found = getattr(found, name, None)
        if not (isinstance(found, type) and issubclass(found, Warning)):
            found = type(self.kind.rpartition(".")[2], (Warning,), {"__module__": self.module})
        return warnings.WarningMessage(self.text, found, self.filename, self.lineno)


@dataclass(frozen=True)
class TestDone:
    """A test's protocol is over: its serialized reports, and why the worker's session wants to stop."""

    __test__ = False

    index: int
    reports: list[dict[str, Any]]
    warnings: list[WarningTold]
    should_fail: bool | str = False
    should_stop: bool | str = False


@dataclass(frozen=True)
class WorkerDone:
    """A worker has torn down its fixtures and ends.

    Attributes:
        interrupted: A KeyboardInterrupt was raised in it.
        exit_reason, exit_code: What `pytest.exit` said; the reason is None where it was not called.
        broken: A traceback, where something other than a test failed.
        more: It has run an isolated test, and ends for that; there may be other tests.
    """

    interrupted: bool = False
    exit_reason: str | None = None
    exit_code: int | None = None
    broken: str = ""
    more: bool = False


Message = TestDone | WorkerDone


def send(descriptor: int, message: Message) -> None:
    """Write one message, whole."""
    body = _dump(message)
    view = memoryview(len(body).to_bytes(_HEAD, "big") + body)
    while view:
        view = view[os.write(descriptor, view) :]


def _dump(message: Message) -> bytes:
    try:
        return pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    except (pickle.PicklingError, AttributeError, TypeError, RecursionError):
        if not isinstance(message, TestDone):
            raise
        for report in message.reports:  # what tests may put there is theirs; everything else is pytest's
            report["user_properties"] = [
                (str(name), repr(value)) for name, value in report["user_properties"]
            ]
        return pickle.dumps(message, pickle.HIGHEST_PROTOCOL)


class Inbox:
    """Puts the bytes of one worker's pipe together."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[Message]:
        """Take bytes; yield the messages that are now whole."""
        self._buffer += data
        while len(self._buffer) >= _HEAD:
            end = _HEAD + int.from_bytes(self._buffer[:_HEAD], "big")
            if len(self._buffer) < end:
                return
            body = bytes(self._buffer[_HEAD:end])
            del self._buffer[:end]
            message: Message = pickle.loads(body)  # noqa: S301 - from our own copy
            yield message
