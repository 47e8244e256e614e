"""In a process that a test started: the test, as far as it was handed over.

Read when the process imports its first service, or, in processes of `multiprocessing`, before anything else.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextvars import copy_context
from typing import Any

from enctest.services import handover, scope, spans
from enctest.services.errors import BadDoubleError
from enctest.services.scope import CURRENT, UNSET, Scope, Work


class Inherited(Scope):
    """The scope of a test that runs in another process; what is set here holds here.

    Args:
        given: What was handed over.
        channel: Where the other process reads what happens here.
    """

    __slots__ = ("_found", "_given")

    def __init__(self, given: handover.Handover, channel: handover.Channel) -> None:
        super().__init__(given.kind, _name(given.name, channel), None)
        self._given = given
        self._found: dict[Any, Any] = {}
        self.own[scope.ROOT] = given.root
        self.outlet = _outlet(channel)

    def find(self, key: Any) -> Any:
        """Return what holds for `key` here, `UNSET` if nothing was said.

        Raises:
            BadDoubleError: It was set in the test, and cannot be had in this process.
        """
        if key in self.values:
            return self.values[key]
        if key not in self._found:
            self._found[key] = self._load(key)
        return self._found[key]

    def note(self, work: Work) -> None:
        """Only the test's own process waits for work."""

    def _load(self, key: Any) -> Any:
        name, given = handover.identity(key), self._given
        if name in given.values:
            try:
                return handover.unpacked(given.values[name], given.path)
            except Exception as error:  # noqa: BLE001 - it runs the project's imports
                reason = f"{type(error).__name__}: {error}"
        elif name in given.lost:
            reason = given.lost[name]
        else:
            return UNSET
        raise BadDoubleError(
            f"{given.name} was not given what its test has set for {_shown(key)}: {reason}",
            "A process that a test starts is given what can be pickled: values, functions and classes at the "
            "top level of a module, no lambdas. Or set it in that process, or start it by a fork.",
        )


def _shown(key: Any) -> str:
    return str(getattr(key, "name", None) or getattr(key, "__name__", None) or key)


def join(path: str) -> Inherited | None:
    """Be in the test that a handover tells of, in all of this process; None if its run is over."""
    joined = _read(path)
    scope.be_in(joined)
    return joined


def join_by_fork(path: str) -> None:
    """Stay in the test, in a process that it forked; tell it what happens here."""
    here, given = scope.current(), handover.read(path)
    if here is None or given is None:
        return
    channel = handover.Channel(path)
    here.name, here.outlet, here.sources = _name(given.name, channel), _outlet(channel), []
    _record(given, channel)


_calls: dict[str, Inherited | None] = {}
"""The test for which this process, one of a pool, was called last."""


def call(path: str, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call a function in the test that a handover tells of, and in no other."""
    if path not in _calls:
        _calls.clear()
        _calls[path] = _read(path)
    context = copy_context()
    context.run(CURRENT.set, _calls[path])
    return context.run(function, *args, **kwargs)


def _read(path: str) -> Inherited | None:
    given = handover.read(path)
    if given is None:
        return None
    channel = handover.Channel(path)
    _record(given, channel)
    return Inherited(given, channel)


def _name(given: str, channel: handover.Channel) -> str:
    return given if channel.number == 1 else f"{given}.{channel.number}"


def _outlet(channel: handover.Channel) -> Callable[[str, str, bytes], None]:
    def tell(topic: str, message_id: str, body: bytes) -> None:
        channel.tell(handover.Published(topic=topic, message_id=message_id, body=body))

    return tell


def _record(given: handover.Handover, channel: handover.Channel) -> None:
    """Record spans, and tell them; no longer those of the test that this process worked for before."""
    if not given.spans:
        if spans.RECORDER.active:
            spans.RECORDER.forget()
        return
    from enctest.events import SpanEnded, SpanEvent, SpanStarted
    from enctest.tracing.hooks import Instrumentation
    from enctest.tracing.recorder import TraceRecorder
    from enctest.tracing.steps import Item

    def tell(item: Item) -> None:
        record = item() if callable(item) else item
        if isinstance(record, SpanStarted | SpanEvent | SpanEnded):
            channel.tell(record)

    recorder = spans.RECORDER
    if isinstance(recorder, TraceRecorder):
        recorder.redirect(tell)
    else:
        recorder = TraceRecorder(0, tell, given.root)
        Instrumentation(recorder).arm()
    recorder.begin_test(given.name, {"process.pid": os.getpid()})
