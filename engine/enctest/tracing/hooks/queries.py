"""What all database hooks share: the span of a query."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from itertools import islice
from types import FrameType
from typing import Any, Final

from enctest.events import Attributes
from enctest.tracing.recorder import TraceRecorder
from enctest.tracing.spans import OpenSpan
from enctest.tracing.sql import Summary, summarize
from enctest.tracing.values import TEXT_LIMIT, show, show_named

_PARAMETERS: Final = 100
_CACHED: Final = 1000  # characters up to which a query's attributes are worth keeping


class QuerySpans:
    """Opens spans for the queries of one kind of database.

    Args:
        recorder: Where the spans go.
        system: `db.system.name`, such as `postgresql`.
    """

    def __init__(self, recorder: TraceRecorder, system: str) -> None:
        self.recorder = recorder
        self._system = system
        self._common = lru_cache(maxsize=512)(self._attributes)

    def start(
        self,
        query: str,
        parameters: Any = None,
        *,
        namespace: str = "",
        frame: FrameType | None = None,
        current: bool = True,
        batch: int | None = None,
    ) -> OpenSpan | None:
        """Open the span of a query; None when no test runs.

        Args:
            query: Its text, with placeholders.
            parameters: What stands in for the placeholders, by position or name.
            namespace: Name of the database.
            frame: Where to begin to look for the call site.
            current: Whether spans that begin within become its children.
            batch: How many sets of parameters follow, for `executemany`.
        """
        summary, common = self._common(query) if len(query) <= _CACHED else self._attributes(query)
        attributes = common.copy()
        if namespace:
            attributes["db.namespace"] = namespace
        if parameters:
            attributes["db.query.parameters"] = shown_parameters(parameters)
        if batch is not None:
            attributes["db.operation.batch.size"] = batch
        self.recorder.call_site(frame, attributes)
        return self.recorder.start(summary.text, "db", attributes, current=current)

    def end(self, span: OpenSpan | None, *, returned: int | None = None, affected: int | None = None) -> None:
        """Close the span of a query that succeeded, with how many rows it returned or changed."""
        if span is None:
            return
        if returned is not None:
            span.attributes["db.response.returned_rows"] = returned
        elif affected is not None and affected >= 0:
            span.attributes["db.response.affected_rows"] = affected
        self.recorder.end(span, "ok")

    def fail(self, span: OpenSpan | None, error: BaseException) -> None:
        """Close the span of a query that raised."""
        if span is not None:
            code = getattr(error, "sqlstate", None) or getattr(error, "sqlite_errorname", None)
            if code:
                span.attributes["db.response.status_code"] = code
            self.recorder.fail(span, error)

    def _attributes(self, query: str) -> tuple[Summary, Attributes]:
        summary = summarize(query)
        attributes: Attributes = {
            "db.system.name": self._system,
            "db.query.text": query,
            "db.query.summary": summary.text,
            "db.operation.name": summary.operation,
        }
        if summary.target:
            attributes["db.collection.name"] = summary.target
        return summary, attributes


def shown_parameters(parameters: Any) -> list[str]:
    """Return parameters as short texts, `name=value` where they have names, secrets left out."""
    if isinstance(parameters, Mapping):
        pairs = islice(parameters.items(), _PARAMETERS)
        return [f"{name}={show_named(str(name), value)}" for name, value in pairs]
    if isinstance(parameters, Sequence) and not isinstance(parameters, (str, bytes)):
        return [show(value) for value in parameters[:_PARAMETERS]]
    return [show(parameters)]


def query_text(query: Any, render: Callable[[Any], str] | None = None) -> str:
    """Return the text of a query that may be bytes or an object of the driver's."""
    if isinstance(query, str):
        return query
    if isinstance(query, (bytes, bytearray)):
        return bytes(query[: 2 * TEXT_LIMIT]).decode("utf-8", "replace")
    return render(query) if render is not None else f"<{type(query).__name__}>"
