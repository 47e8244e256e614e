"""Connections to databases that the application opens itself; those of a pool are the pool's business."""

from __future__ import annotations

import functools
from collections.abc import Callable
from sys import _getframe
from types import FrameType
from typing import Any

from enctest.events import Attributes
from enctest.tracing.hooks.calls import Calls
from enctest.tracing.hooks.patching import Patches, transparent
from enctest.tracing.model import CONNECT
from enctest.tracing.recorder import TraceRecorder
from enctest.tracing.spans import OpenSpan


class Connects:
    """Opens a span for each connection that is made; where to is never told, since secrets are in there.

    Args:
        recorder: Where the spans go.
        library: The driver's name.
    """

    def __init__(self, recorder: TraceRecorder, library: str) -> None:
        self.recorder = recorder
        self.calls = Calls(recorder, library, self._begin, self._finish)

    def function(self, original: Callable[..., Any]) -> Callable[..., Any]:
        """Stand in for a plain function that connects."""

        def connect(*args: Any, **kwargs: Any) -> Any:
            __tracebackhide__ = True
            span = self.calls.begin(None, args, kwargs, _getframe(1))
            try:
                connection = original(*args, **kwargs)
            except BaseException as error:
                self.calls.fail(span, error)
                raise
            self.calls.finish(None, span, connection)
            return connection

        return connect

    def coroutine(self, original: Callable[..., Any]) -> Callable[..., Any]:
        """Stand in for a coroutine function that connects."""

        async def connect(*args: Any, **kwargs: Any) -> Any:
            __tracebackhide__ = True
            span = self.calls.begin(None, args, kwargs, _getframe(1))
            try:
                connection = await original(*args, **kwargs)
            except BaseException as error:
                self.calls.fail(span, error)
                raise
            self.calls.finish(None, span, connection)
            return connection

        return connect

    def _begin(
        self, _first: Any, _args: tuple[Any, ...], _kwargs: dict[str, Any], frame: FrameType
    ) -> OpenSpan | None:
        attributes: Attributes = {CONNECT: True, "db.system.name": "postgresql"}
        self.recorder.call_site(frame, attributes)
        return self.recorder.start("connect", "internal", attributes)

    def _finish(self, _first: Any, span: OpenSpan, connection: Any) -> None:
        info = getattr(connection, "info", None)
        name = info.dbname if info is not None else connection._params.database  # noqa: SLF001 - asyncpg has no other
        span.attributes["db.namespace"] = str(name or "")


def hook_psycopg(library: Any, recorder: TraceRecorder, patches: Patches) -> None:
    """Instrument the class methods that open connections, and their short form."""
    connects = Connects(recorder, "psycopg")
    for kind, make in (
        (library.Connection, connects.function),
        (library.AsyncConnection, connects.coroutine),
    ):
        patches.replace(kind, "connect", functools.partial(_class_method, make))
    patches.replace(library, "connect", lambda _original: library.Connection.connect)


def _class_method(make: Callable[..., Any], original: Any) -> Any:
    function = original.__func__
    return classmethod(functools.wraps(function)(transparent(make(function))))
