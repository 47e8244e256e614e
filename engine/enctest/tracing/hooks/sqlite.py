"""sqlite3: queries, and commits that have something to commit."""

from __future__ import annotations

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


def hook(module: ModuleType, recorder: TraceRecorder, patches: Patches) -> None:
    """Make `sqlite3.connect` return connections of a traced subclass."""
    library: Any = module
    spans = _Spans(recorder)
    running = {
        name: spans.calls(spans.executemany if name == "executemany" else spans.execute) for name in _RUNNING
    }
    cursors = Subclasses({name: calls.sync for name, calls in running.items()})

    def make_cursor(original: Callable[..., Any]) -> Callable[..., Any]:
        def cursor(self: Any, factory: Any = library.Cursor) -> Any:
            return original(self, cursors.of(factory) if isinstance(factory, type) else factory)

        return cursor

    connections = Subclasses(
        {
            **{name: calls.sync for name, calls in running.items()},
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
            return original(*args, **kwargs)

        return connect

    patches.wrap(library.dbapi2, "connect", make_connect)
    patches.share(library, "connect", library.dbapi2)


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
            return self.queries.start(command(args), frame=frame) if connection.in_transaction else None

        return Calls(self.recorder, "sqlite3", begin, self.done, self.queries.fail)

    def execute(
        self, _first: Any, args: tuple[Any, ...], kwargs: dict[str, Any], frame: FrameType
    ) -> OpenSpan | None:
        return self.queries.start(
            query_text(argument(args, kwargs, 0)), argument(args, kwargs, 1), frame=frame
        )

    def executemany(
        self, _first: Any, args: tuple[Any, ...], kwargs: dict[str, Any], frame: FrameType
    ) -> OpenSpan | None:
        sets = argument(args, kwargs, 1)
        known = isinstance(sets, (list, tuple))
        return self.queries.start(
            query_text(argument(args, kwargs, 0)),
            list(sets[:5]) if known else None,
            frame=frame,
            batch=len(sets) if known else None,
        )

    def rows(self, _first: Any, span: OpenSpan, cursor: Any) -> None:
        """Rows are fetched one by one later, so only changed ones can be told."""
        self.queries.end(span, affected=cursor.rowcount)

    def done(self, _connection: Any, span: OpenSpan, _result: Any) -> None:
        self.queries.end(span)
