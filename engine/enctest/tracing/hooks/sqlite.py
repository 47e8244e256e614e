"""sqlite3: queries, and commits that have something to commit."""

from __future__ import annotations

import os
from collections.abc import Callable
from types import FrameType, ModuleType
from typing import Any

from enctest.tracing.hooks.calls import Begin, Calls, argument
from enctest.tracing.hooks.patching import Patches
from enctest.tracing.hooks.queries import QuerySpans, query_text
from enctest.tracing.hooks.traced_cursors import Subclasses
from enctest.tracing.recorder import TraceRecorder
from enctest.tracing.spans import OpenSpan

_FACTORY = 5  # place of `factory` among the arguments of connect


_RUNNING = ("execute", "executemany", "executescript")
_NAME = "_enctest_name"
_SPAN = "_enctest_span"


def hook(module: ModuleType, recorder: TraceRecorder, patches: Patches) -> None:
    """Make `sqlite3.connect` return connections of a traced subclass."""
    library: Any = module
    spans = _Spans(recorder)
    running = {
        name: spans.calls(spans.executemany if name == "executemany" else spans.execute) for name in _RUNNING
    }
    cursors = Subclasses(
        {**{name: calls.sync for name, calls in running.items()}, "fetchall": spans.fetching}
    )

    def make_cursor(original: Callable[..., Any]) -> Callable[..., Any]:
        def cursor(self: Any, factory: Any = library.Cursor) -> Any:
            return original(self, cursors.of(factory) if isinstance(factory, type) else factory)

        return cursor

    connections = Subclasses(
        {
            **{name: _through_cursor(library, cursors, name) for name in _RUNNING},
            "cursor": make_cursor,
            "commit": spans.transaction(lambda _args: "COMMIT").sync,
            "rollback": spans.transaction(lambda _args: "ROLLBACK").sync,
            "__exit__": spans.transaction(lambda args: "ROLLBACK" if args and args[0] else "COMMIT").sync,
        }
    )

    def make_connect(original: Callable[..., Any]) -> Callable[..., Any]:
        def connect(*args: Any, **kwargs: Any) -> Any:
            __tracebackhide__ = True
            factory = args[_FACTORY] if len(args) > _FACTORY else kwargs.get("factory", library.Connection)
            if isinstance(factory, type) and issubclass(factory, library.Connection):
                traced = connections.of(factory)
                if len(args) > _FACTORY:
                    args = (*args[:_FACTORY], traced, *args[_FACTORY + 1 :])
                else:
                    kwargs["factory"] = traced
            connection = original(*args, **kwargs)
            if hasattr(connection, "__dict__"):
                vars(connection)[_NAME] = _name(args[0] if args else kwargs.get("database", ""))
            return connection

        return connect

    patches.wrap(library.dbapi2, "connect", make_connect)
    patches.share(library, "connect", library.dbapi2)


def _through_cursor(library: Any, cursors: Subclasses, name: str) -> Callable[..., Any]:
    """Return what a connection's shortcut is: the same of a new cursor, here of a traced one."""

    def make(_original: Callable[..., Any]) -> Callable[..., Any]:
        def call(self: Any, *args: Any, **kwargs: Any) -> Any:
            __tracebackhide__ = True
            cursor = library.Connection.cursor(self, cursors.of(library.Cursor))
            return getattr(cursor, name)(*args, **kwargs)

        return call

    return make


class _Spans:
    """Opens and closes the spans of sqlite3's calls."""

    def __init__(self, recorder: TraceRecorder) -> None:
        self.recorder = recorder
        self.queries = QuerySpans(recorder, "sqlite")

    def calls(self, begin: Begin) -> Calls:
        return Calls(self.recorder, "sqlite3", begin, self.rows, self.queries.fail)

    def transaction(self, command: Callable[[tuple[Any, ...]], str]) -> Calls:
        """Return the tracing of a method that ends a transaction, if there is one."""

        def begin(
            connection: Any, args: tuple[Any, ...], _kwargs: dict[str, Any], frame: FrameType
        ) -> OpenSpan | None:
            if not connection.in_transaction:
                return None
            return self.queries.start(command(args), namespace=_namespace(connection), frame=frame)

        return Calls(self.recorder, "sqlite3", begin, self.done, self.queries.fail)

    def execute(
        self, cursor: Any, args: tuple[Any, ...], kwargs: dict[str, Any], frame: FrameType
    ) -> OpenSpan | None:
        return self.queries.start(
            query_text(argument(args, kwargs, 0)),
            argument(args, kwargs, 1),
            namespace=_namespace(cursor.connection),
            frame=frame,
        )

    def executemany(
        self, cursor: Any, args: tuple[Any, ...], kwargs: dict[str, Any], frame: FrameType
    ) -> OpenSpan | None:
        sets = argument(args, kwargs, 1)
        known = isinstance(sets, (list, tuple))
        return self.queries.start(
            query_text(argument(args, kwargs, 0)),
            list(sets[:5]) if known else None,
            namespace=_namespace(cursor.connection),
            frame=frame,
            batch=len(sets) if known else None,
        )

    def rows(self, cursor: Any, span: OpenSpan, _result: Any) -> None:
        """Rows are fetched later, one by one: those of a query are counted if all are fetched at once."""
        self.queries.end(span, affected=cursor.rowcount)
        if cursor.description:
            vars(cursor)[_SPAN] = span

    def fetching(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def fetchall(cursor: Any) -> Any:
            __tracebackhide__ = True
            rows = original(cursor)
            span = vars(cursor).pop(_SPAN, None)
            if span is not None:
                self.recorder.amend(span, {"db.response.returned_rows": len(rows)})
            return rows

        return fetchall

    def done(self, _connection: Any, span: OpenSpan, _result: Any) -> None:
        self.queries.end(span)


def _name(database: Any) -> str:
    """Return the file's name: its folder is another one in each run of a test."""
    try:
        name = os.fsdecode(database)
    except TypeError:
        return ""
    return name if name.startswith(":") else os.path.basename(name.partition("?")[0])


def _namespace(connection: Any) -> str:
    return str(getattr(connection, _NAME, ""))
