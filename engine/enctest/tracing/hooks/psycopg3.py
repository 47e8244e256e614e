"""psycopg 3: queries, COPY, streams, server-side cursors and transactions, sync and async."""

from __future__ import annotations

import weakref
from types import FrameType, ModuleType
from typing import Any

from enctest.tracing.hooks.calls import Calls, argument
from enctest.tracing.hooks.connects import hook_psycopg
from enctest.tracing.hooks.patching import Patches
from enctest.tracing.hooks.queries import QuerySpans, query_text
from enctest.tracing.recorder import TraceRecorder
from enctest.tracing.spans import OpenSpan, current


def hook(module: ModuleType, recorder: TraceRecorder, patches: Patches) -> None:
    """Instrument psycopg."""
    library: Any = module
    spans = _Spans(recorder)
    one, declare = spans.calls(spans.execute, spans.rows), spans.calls(spans.execute, spans.done)
    many = spans.calls(spans.executemany, spans.rows)
    stream = spans.calls(spans.stream, spans.done)
    command = spans.calls(spans.command, spans.command_rows)
    patches.wrap(library.Cursor, "execute", one.sync)
    patches.wrap(library.Cursor, "executemany", many.sync)
    patches.wrap(library.Cursor, "copy", one.manager)
    patches.wrap(library.Cursor, "stream", stream.iterator)
    patches.wrap(library.ServerCursor, "execute", declare.sync)
    patches.wrap(library.AsyncCursor, "execute", one.coroutine)
    patches.wrap(library.AsyncCursor, "executemany", many.coroutine)
    patches.wrap(library.AsyncCursor, "copy", one.async_manager)
    patches.wrap(library.AsyncCursor, "stream", stream.async_iterator)
    patches.wrap(library.AsyncServerCursor, "execute", declare.coroutine)
    hook_psycopg(library, recorder, patches)
    for kind in library.Connection.__mro__[:-1]:
        patches.wrap(kind, "_exec_command", command.delegating)


class _Spans:
    """Opens and closes the spans of psycopg's calls."""

    def __init__(self, recorder: TraceRecorder) -> None:
        self.recorder = recorder
        self.queries = QuerySpans(recorder, "postgresql")
        self._names: weakref.WeakKeyDictionary[Any, str] = weakref.WeakKeyDictionary()

    def calls(self, begin: Any, finish: Any) -> Calls:
        return Calls(self.recorder, "psycopg", begin, finish, self.queries.fail)

    def execute(
        self, cursor: Any, args: tuple[Any, ...], kwargs: dict[str, Any], frame: FrameType
    ) -> OpenSpan | None:
        query = argument(args, kwargs, 0, "query", "statement")
        return self._start(cursor.connection, query, argument(args, kwargs, 1, "params"), frame=frame)

    def stream(
        self, cursor: Any, args: tuple[Any, ...], kwargs: dict[str, Any], frame: FrameType
    ) -> OpenSpan | None:
        query = argument(args, kwargs, 0, "query")
        parameters = argument(args, kwargs, 1, "params")
        return self._start(cursor.connection, query, parameters, frame=frame, current=False)

    def executemany(
        self, cursor: Any, args: tuple[Any, ...], kwargs: dict[str, Any], frame: FrameType
    ) -> OpenSpan | None:
        sets = argument(args, kwargs, 1, "params_seq")
        known = isinstance(sets, (list, tuple))
        return self._start(
            cursor.connection,
            argument(args, kwargs, 0, "query"),
            list(sets[:5]) if known else None,
            frame=frame,
            batch=len(sets) if known else None,
        )

    def rows(self, cursor: Any, span: OpenSpan, _result: Any) -> None:
        result = cursor.pgresult
        returned = result.ntuples if result is not None and result.nfields else None
        self.queries.end(span, returned=returned, affected=cursor.rowcount)

    def done(self, _cursor: Any, span: OpenSpan, _result: Any) -> None:
        """A stream or server-side cursor: its rows come later."""
        self.queries.end(span)

    def command(
        self, connection: Any, args: tuple[Any, ...], kwargs: dict[str, Any], frame: FrameType
    ) -> OpenSpan | None:
        """BEGIN, COMMIT, ROLLBACK, SAVEPOINT, FETCH: an event where a query's own span is open already."""
        query = argument(args, kwargs, 0, "command")
        above = current()
        if above is not None and above.kind == "db" and not above.end_ns:
            self.recorder.event("command", {"db.query.text": self._text(connection, query)}, span=above)
            return None
        return self._start(connection, query, None, frame=frame)

    def command_rows(self, _connection: Any, span: OpenSpan, result: Any) -> None:
        self.queries.end(span, returned=result.ntuples if result is not None and result.nfields else None)

    def _start(self, connection: Any, query: Any, parameters: Any, **options: Any) -> OpenSpan | None:
        text = query if type(query) is str else self._text(connection, query)
        return self.queries.start(text, parameters, namespace=self._namespace(connection), **options)

    def _text(self, connection: Any, query: Any) -> str:
        return query_text(query, lambda composed: str(composed.as_string(connection)))

    def _namespace(self, connection: Any) -> str:
        name = self._names.get(connection)
        if name is None:
            name = "" if connection.closed else str(connection.info.dbname)
            self._names[connection] = name
        return name
