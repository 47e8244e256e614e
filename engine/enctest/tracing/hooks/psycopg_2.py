"""psycopg2: queries, COPY and the ends of transactions."""

from __future__ import annotations

from collections.abc import Callable
from types import FrameType, ModuleType
from typing import Any

from enctest.tracing.hooks.calls import Begin, Calls, argument
from enctest.tracing.hooks.connects import Connects
from enctest.tracing.hooks.patching import Patches, transparent
from enctest.tracing.hooks.queries import QuerySpans, query_text
from enctest.tracing.hooks.traced_cursors import Subclasses
from enctest.tracing.recorder import TraceRecorder
from enctest.tracing.spans import OpenSpan


def hook(module: ModuleType, recorder: TraceRecorder, patches: Patches) -> None:
    """Make `psycopg2.connect` return connections of a traced subclass."""
    from psycopg2 import extensions  # the application imports psycopg2 just now

    spans = _Spans(recorder)
    running = {
        "execute": spans.calls(spans.execute),
        "executemany": spans.calls(spans.executemany),
        "callproc": spans.calls(spans.procedure),
        "copy_expert": spans.calls(spans.execute),
        "copy_from": spans.calls(spans.copy("FROM STDIN", "table")),
        "copy_to": spans.calls(spans.copy("TO STDOUT", "table")),
    }
    cursors = Subclasses({name: calls.sync for name, calls in running.items()})

    def make_cursor(original: Callable[..., Any]) -> Callable[..., Any]:
        def cursor(self: Any, name: Any = None, cursor_factory: Any = None, **kwargs: Any) -> Any:
            factory = cursor_factory or self.cursor_factory or extensions.cursor
            traced = cursors.of(factory) if isinstance(factory, type) else factory
            return original(self, name, cursor_factory=traced, **kwargs)

        return cursor

    connections = Subclasses(
        {
            "cursor": make_cursor,
            "commit": spans.transaction("COMMIT").sync,
            "rollback": spans.transaction("ROLLBACK").sync,
        }
    )

    def make_connect(original: Callable[..., Any]) -> Callable[..., Any]:
        def connect(dsn: Any = None, connection_factory: Any = None, *args: Any, **kwargs: Any) -> Any:
            __tracebackhide__ = True
            factory = connection_factory or extensions.connection
            traced = connections.of(factory) if isinstance(factory, type) else factory
            return original(dsn, traced, *args, **kwargs)

        return Connects(recorder, "psycopg2").function(transparent(connect))

    patches.wrap(module, "connect", make_connect)


class _Spans:
    """Opens and closes the spans of psycopg2's calls."""

    def __init__(self, recorder: TraceRecorder) -> None:
        self.recorder = recorder
        self.queries = QuerySpans(recorder, "postgresql")

    def calls(self, begin: Begin) -> Calls:
        return Calls(self.recorder, "psycopg2", begin, self.rows, self.queries.fail)

    def transaction(self, command: str) -> Calls:
        """Return the tracing of a method that ends a transaction, if there is one."""

        def begin(
            connection: Any, _args: tuple[Any, ...], _kwargs: dict[str, Any], frame: FrameType
        ) -> OpenSpan | None:
            if connection.closed or connection.info.transaction_status == 0:
                return None
            return self.queries.start(command, namespace=connection.info.dbname, frame=frame)

        return Calls(self.recorder, "psycopg2", begin, self.done, self.queries.fail)

    def execute(
        self, cursor: Any, args: tuple[Any, ...], kwargs: dict[str, Any], frame: FrameType
    ) -> OpenSpan | None:
        query = self._text(cursor, argument(args, kwargs, 0, "query", "sql"))
        parameters = argument(args, kwargs, 1, "vars")
        parameters = parameters if isinstance(parameters, (list, tuple, dict)) else None
        return self.queries.start(query, parameters, namespace=cursor.connection.info.dbname, frame=frame)

    def executemany(
        self, cursor: Any, args: tuple[Any, ...], kwargs: dict[str, Any], frame: FrameType
    ) -> OpenSpan | None:
        sets = argument(args, kwargs, 1, "vars_list")
        known = isinstance(sets, (list, tuple))
        return self.queries.start(
            self._text(cursor, argument(args, kwargs, 0, "query")),
            list(sets[:5]) if known else None,
            namespace=cursor.connection.info.dbname,
            frame=frame,
            batch=len(sets) if known else None,
        )

    def procedure(
        self, cursor: Any, args: tuple[Any, ...], kwargs: dict[str, Any], frame: FrameType
    ) -> OpenSpan | None:
        name = argument(args, kwargs, 0, "procname")
        parameters = argument(args, kwargs, 1, "parameters")
        return self.queries.start(
            f"CALL {name}", parameters, namespace=cursor.connection.info.dbname, frame=frame
        )

    def copy(self, direction: str, name: str) -> Begin:
        """Return what opens the span of a copy from or to a file."""

        def begin(
            cursor: Any, args: tuple[Any, ...], kwargs: dict[str, Any], frame: FrameType
        ) -> OpenSpan | None:
            text = f"COPY {argument(args, kwargs, 1, name)} {direction}"
            return self.queries.start(text, namespace=cursor.connection.info.dbname, frame=frame)

        return begin

    def rows(self, cursor: Any, span: OpenSpan, _result: Any) -> None:
        returned = cursor.rowcount if cursor.description and cursor.rowcount >= 0 else None
        self.queries.end(span, returned=returned, affected=cursor.rowcount)

    def done(self, _connection: Any, span: OpenSpan, _result: Any) -> None:
        self.queries.end(span)

    def _text(self, cursor: Any, query: Any) -> str:
        return query_text(query, lambda composed: str(composed.as_string(cursor)))
