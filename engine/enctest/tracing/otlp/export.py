"""Sends traces to a collector (Jaeger, Tempo, OpenTelemetry's own), as protobuf over HTTP."""

from __future__ import annotations

import gzip
import http.client
import os
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterable, Iterator
from typing import Any, Final

from enctest.errors import EnctestError
from enctest.events import Attributes, Span, SpanEnded, SpanEvent, SpanStarted, TestFinished
from enctest.tracing.model import Trace
from enctest.tracing.otlp.outgoing import request
from enctest.tracing.otlp.protobuf import encode

_TIMEOUT: Final = 10.0
_BATCH: Final = 2000
"""Spans in one request, unless one test has more."""

_Told = tuple[str, tuple[Span, ...], int]
"""Node id, spans, and what makes an epoch time of their monotonic one."""


class Exporter:
    """Sends traces.

    Args:
        endpoint: Base address, such as `http://localhost:4318`, or one with a path of its own.
        resource: Attributes that all share.

    Raises:
        EnctestError: It is no address of HTTP.
    """

    def __init__(self, endpoint: str, resource: Attributes) -> None:
        self.url = _url(endpoint)
        self.sent = 0
        """Spans that were taken."""
        self._resource = resource
        self._waiting: list[_Told] = []

    def send(self, events: Iterable[object]) -> None:
        """Send the traces that a run's events tell of, each when its test is over.

        Raises:
            EnctestError: Nobody takes them.
        """
        for told in _traces(events):
            self._waiting.append(told)
            if sum(len(spans) for _, spans, _ in self._waiting) >= _BATCH:
                self.flush()
        self.flush()

    def flush(self) -> None:
        """Send what is left.

        Raises:
            EnctestError: Nobody takes it.
        """
        if not self._waiting:
            return
        body = gzip.compress(encode(request(self._waiting, self._resource), "Traces"), 1)
        headers = {
            "Content-Type": "application/x-protobuf",
            "Content-Encoding": "gzip",
            "User-Agent": "enctest",
            **_headers(),
        }
        asked = urllib.request.Request(self.url, body, headers)  # noqa: S310 - `_url` lets HTTP pass only
        try:
            with urllib.request.urlopen(asked, timeout=_TIMEOUT):  # noqa: S310 - as above
                pass
        except urllib.error.HTTPError as error:
            with error:
                raise self._refused(f"it answered {error.code} {error.reason}") from error
        except (OSError, http.client.HTTPException) as error:
            raise self._refused(str(getattr(error, "reason", error))) from error
        self.sent += sum(len(spans) for _, spans, _ in self._waiting)
        self._waiting = []

    def _refused(self, why: str) -> EnctestError:
        return EnctestError(
            f"traces could not be sent to {self.url}: {why}",
            "--otlp takes the address of a collector's HTTP port, such as http://localhost:4318.",
        )


def _traces(events: Iterable[object]) -> Iterator[_Told]:
    """Yield tests' traces as they become whole."""
    open_: dict[str, tuple[Trace, int]] = {}
    for event in events:
        if isinstance(event, SpanStarted | SpanEvent | SpanEnded):
            if event.test not in open_ and isinstance(event, SpanStarted):
                open_[event.test] = Trace(), int(event.t * 1e9) - event.start_ns
            if event.test in open_:
                open_[event.test][0].apply(event)
        elif isinstance(event, TestFinished) and event.test in open_:
            trace, epoch_ns = open_.pop(event.test)
            trace.close()
            yield event.test, trace.freeze(), epoch_ns


def _url(endpoint: str) -> str:
    parts = urllib.parse.urlsplit(endpoint)
    try:
        known = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        known = False
    if not known:
        raise EnctestError(
            f"--otlp: {endpoint} is no address of a collector",
            "It takes an HTTP address, such as http://localhost:4318 (gRPC's 4317 is another protocol).",
        )
    path = parts.path if parts.path.strip("/") else "/v1/traces"
    return urllib.parse.urlunsplit(parts._replace(path=path))


def _headers() -> dict[str, str]:
    """Return the headers that OpenTelemetry's own variable asks for, such as a key of the collector's."""
    pairs: dict[str, str] = {}
    for entry in os.environ.get("OTEL_EXPORTER_OTLP_HEADERS", "").split(","):
        name, equals, value = entry.partition("=")
        if equals:
            pairs[name.strip()] = urllib.parse.unquote(value.strip())
    return pairs


def as_json(test: str, spans: Iterable[Span], epoch_ns: int, resource: Attributes) -> dict[str, Any]:
    """Return one trace as a request in OTLP's JSON form, which collectors and viewers read from files."""
    return request([(test, spans, epoch_ns)], resource)
