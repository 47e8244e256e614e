"""asyncpg: queries, prepared statements, COPY and transactions."""

from __future__ import annotations

from types import FrameType, ModuleType
from typing import Any

from enctest.tracing.hooks.calls import Calls
from enctest.tracing.hooks.connects import Connects
from enctest.tracing.hooks.patching import Patches
from enctest.tracing.hooks.queries import QuerySpans
from enctest.tracing.recorder import TraceRecorder
from enctest.tracing.spans import OpenSpan, current

_QUERIES = ("execute", "fetch", "fetchrow", "fetchval", "fetchmany")
_COPIES = ("copy_from_table", "copy_from_query", "copy_to_table", "copy_records_to_table")


def hook(module: ModuleType, recorder: TraceRecorder, patches: Patches) -> None:
    """Instrument asyncpg's connections and prepared statements."""
    library: Any = module
    spans = _Spans(recorder)
    patches.wrap(library, "connect", Connects(recorder, "asyncpg").coroutine)
    for name in _QUERIES:
        patches.wrap(library.Connection, name, spans.calls(spans.query).coroutine)
        patches.wrap(library.prepared_stmt.PreparedStatement, name, spans.calls(spans.prepared).coroutine)
    patches.wrap(library.Connection, "executemany", spans.calls(spans.many).coroutine)
    for name in _COPIES:
        patches.wrap(library.Connection, name, spans.calls(spans.copy(name)).coroutine)
    cursor = library.cursor.BaseCursor
    patches.wrap(cursor, "_bind_exec", spans.calls(spans.opened).coroutine)
    patches.wrap(cursor, "_bind", spans.calls(spans.opened).coroutine)
    patches.wrap(cursor, "_exec", spans.calls(spans.fetched).coroutine)


class _Spans:
    """Opens and closes the spans of asyncpg's calls."""

    def __init__(self, recorder: TraceRecorder) -> None:
        self.recorder = recorder
        self.queries = QuerySpans(recorder, "postgresql")

    def calls(self, begin: Any) -> Calls:
        return Calls(self.recorder, "asyncpg", begin, self.rows, self.queries.fail)

    def query(
        self, connection: Any, args: tuple[Any, ...], kwargs: dict[str, Any], frame: FrameType
    ) -> OpenSpan | None:
        text = args[0] if args else kwargs["query"]
        return self._start(connection, text, args[1:], frame)

    def many(
        self, connection: Any, args: tuple[Any, ...], kwargs: dict[str, Any], frame: FrameType
    ) -> OpenSpan | None:
        text = args[0] if args else kwargs["command"]
        sets = args[1] if len(args) > 1 else kwargs.get("args")
        known = isinstance(sets, (list, tuple))
        shown = list(sets[:5]) if known and sets is not None else None
        return self._start(
            connection, text, shown, frame, batch=len(sets) if known and sets is not None else None
        )

    def prepared(
        self, statement: Any, args: tuple[Any, ...], _kwargs: dict[str, Any], frame: FrameType
    ) -> OpenSpan | None:
        connection = statement._connection  # noqa: SLF001 - the only way to the name of the database
        return self._start(connection, statement.get_query(), args, frame)

    def opened(
        self, cursor: Any, _args: tuple[Any, ...], _kwargs: dict[str, Any], frame: FrameType
    ) -> OpenSpan | None:
        """A server-side cursor gets its query, and perhaps the first rows."""
        return self._start(cursor._connection, _cursor_query(cursor), cursor._args, frame)  # noqa: SLF001

    def fetched(
        self, cursor: Any, args: tuple[Any, ...], kwargs: dict[str, Any], frame: FrameType
    ) -> OpenSpan | None:
        """The next rows of a server-side cursor."""
        count = args[0] if args else kwargs["n"]
        return self._start(cursor._connection, f"FETCH {count}", None, frame)  # noqa: SLF001

    def copy(self, name: str) -> Any:
        def begin(
            connection: Any, args: tuple[Any, ...], _kwargs: dict[str, Any], frame: FrameType
        ) -> OpenSpan | None:
            target = args[0] if args and name != "copy_from_query" else "query"
            direction = "FROM STDIN" if "to_table" in name else "TO STDOUT"
            return self._start(connection, f"COPY {target} {direction}", None, frame)

        return begin

    def rows(self, _first: Any, span: OpenSpan, result: Any) -> None:
        """`execute` returns a status such as `UPDATE 3`, the others rows or one."""
        if isinstance(result, list):
            self.queries.end(span, returned=len(result))
        elif isinstance(result, str) and result.rpartition(" ")[2].isdigit():
            self.queries.end(span, affected=int(result.rpartition(" ")[2]))
        else:
            self.queries.end(span)

    def _start(
        self, connection: Any, text: Any, parameters: Any, frame: FrameType, batch: int | None = None
    ) -> OpenSpan | None:
        above = current()
        if above is not None and above.kind == "db" and not above.end_ns:
            return None
        namespace = str(connection._params.database or "")  # noqa: SLF001 - no public name for it
        return self.queries.start(str(text), parameters, namespace=namespace, frame=frame, batch=batch)


def _cursor_query(cursor: Any) -> str:
    state = cursor._state  # noqa: SLF001 - a cursor has no public name for its query
    return str(state.query if state is not None else cursor._query)  # noqa: SLF001 - as above
