"""When two spans of different runs stand for the same thing, and what is different about them."""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol, Self

from enctest.events import Attributes, SpanKind, SpanNote, SpanStatus

Key = tuple[SpanKind, str]

_SHOWN = 5
"""Log records that a difference names at most."""
_VOLATILE = frozenset(
    {
        *("code.line.number", "db.namespace", "process.pid", "thread.id", "thread.name"),
        *("server.address", "server.port", "client.address", "client.port", "user_agent.original"),
        *("exception.locals", "pytest.fixtures.shared", "http.response.header.date"),
        *("http.request.header.host", "http.request.header.user-agent", "http.response.header.server"),
        *("exception.stack", "pytest.nodeid", "test.case.name", "pytest.parameters", "http.response.start"),
    }
)
"""Attributes that say where and when, or that follow from the test's name."""
_VOLATILE_GROUPS = ("enctest.", "network.", "net.")
_NAME = "enctest.name"
_TEXTS = ("db.query.text", "db.statement")
_ROUTES = ("http.route", "url.path", "http.target", "url.full", "http.url")
_METHODS = ("http.request.method", "http.method")
_UNSTABLE = re.compile(
    r"""(?ix)
      [0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}    # a UUID
    | \d{4}-\d\d-\d\d (?: [T\ ] \d\d:\d\d (?: :\d\d (?:\.\d+)? )? (?: Z | [+-]\d\d:?\d\d )? )?
    | \b 0x [0-9a-f]+ | \b [0-9a-f]{16,} \b
    | (?<= ://localhost: ) \d+ | (?<= ://127\.0\.0\.1: ) \d+
    | /tmp/ [^\s'",)]+ | \b \d{10,} (?:\.\d+)? \b
    """
)
_TOKEN = re.compile(r"(?<![^\W_])[0-9A-Za-z]{8,}(?![^\W_])")
_TURN = re.compile(r"(?<=\d)(?=[A-Za-z])|(?<=[A-Za-z])(?=\d)")
_TURNS = 3
"""Times that a made up name goes from letters to digits or back, at least: `68d073faf2` does four times."""
_LITERAL = re.compile(r"'(?:[^']|'')*'|(?<![\w$%:.])\d+(?:\.\d+)?\b")
_LIST = re.compile(r"\((?:\s*(?:\?|%s|\$\d+|:\w+)\s*,)+\s*(?:\?|%s|\$\d+|:\w+)\s*\)")
_NUMBER = re.compile(r"(?<=/)\d+(?=/|$|\?)")


class Spanlike(Protocol):
    """What has to be known of a span to compare it."""

    name: str
    kind: SpanKind
    status: SpanStatus
    attributes: Attributes
    start_ns: int
    end_ns: int | None

    @property
    def events(self) -> Sequence[SpanNote]:
        """What happened within it."""

    @property
    def children(self) -> Sequence[Self]:
        """The spans below it, by start."""


class Difference(NamedTuple):
    """Something that two spans say differently; a text is empty where one says nothing."""

    name: str
    before: str
    now: str


def key(span: Spanlike) -> Key:
    """Return what a span does, without what is different each time: values, numbers, ids."""
    attributes, kind = span.attributes, span.kind
    name = str(attributes.get(_NAME) or span.name)
    if kind == "test":
        return kind, ""
    if kind == "db":
        text = next((attributes[each] for each in _TEXTS if each in attributes), "")
        return kind, query_shape(text) if isinstance(text, str) and text else name
    if kind in {"client", "server"}:
        method = next((attributes[each] for each in _METHODS if each in attributes), "")
        route = next((attributes[each] for each in _ROUTES if each in attributes), "")
        if route:
            return kind, f"{method} {_address(str(route))}"
    return kind, stable(name)


@functools.lru_cache(4096)
def query_shape(text: str) -> str:
    """Return a query without its values, however many a list has."""
    shape = _LITERAL.sub("?", " ".join(text.split()))
    return _LIST.sub("(?)", shape)


@functools.lru_cache(4096)
def _address(text: str) -> str:
    return _NUMBER.sub("#", stable(text.partition("?")[0]))


@functools.lru_cache(4096)
def stable(text: str) -> str:
    """Return a text without what no two runs share: ids, made up names, times, addresses, temporary paths."""
    return _TOKEN.sub(_unless_made_up, _UNSTABLE.sub("…", text))


def _unless_made_up(found: re.Match[str]) -> str:
    return "…" if len(_TURN.findall(found[0])) >= _TURNS else found[0]


def differences(before: Spanlike, now: Spanlike) -> list[Difference]:
    """Return what two spans of one key say differently, the end first; durations do not count."""
    found = []
    if (before.status == "error") != (now.status == "error"):
        found.append(Difference("status", _status(before), _status(now)))
    found += _attributes(before.attributes, now.attributes)
    if before.events or now.events:
        found += _events(before.events, now.events)
    return found


def _status(span: Spanlike) -> str:
    return "failed" if span.status == "error" else "open" if span.end_ns is None else "ok"


def _attributes(before: Attributes, now: Attributes) -> Iterable[Difference]:
    if before == now:
        return
    for name in dict.fromkeys((*before, *now)):
        old, new = before.get(name), now.get(name)
        if old == new or name in _VOLATILE or name.startswith(_VOLATILE_GROUPS):
            continue
        was, is_now = _text(old), _text(new)
        if stable(was) != stable(is_now) and not (name in _TEXTS and query_shape(was) == query_shape(is_now)):
            yield Difference(name, was, is_now)


def _text(value: object) -> str:
    if value is None:
        return ""
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _events(before: Iterable[SpanNote], now: Iterable[SpanNote]) -> list[Difference]:
    old, new = [_said(note) for note in before], [_said(note) for note in now]
    gone = Counter(map(stable, old)) - Counter(map(stable, new))
    come = Counter(map(stable, new)) - Counter(map(stable, old))
    found = [Difference("said", text, "") for text in old if _take(gone, stable(text))]
    found += [Difference("said", "", text) for text in new if _take(come, stable(text))]
    return found[:_SHOWN]


def _take(left: Counter[str], text: str) -> bool:
    if left[text] <= 0:
        return False
    left[text] -= 1
    return True


def _said(note: SpanNote) -> str:
    found = note.attributes
    if note.name == "exception":
        kind = str(found.get("exception.type", "exception")).rpartition(".")[2]
        return f"{kind}: {found.get('exception.message', '')}"
    if note.name == "log":
        return f"{found.get('log.level', '')} {found.get('log.message', '')}".strip()
    return note.name
