"""What the user types to find spans: `kind:sql >5ms error "order lines" -select`."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final, TypeVar

from enctest.errors import EnctestError
from enctest_tui.selftime import OwnTime
from enctest_tui.spans import SpanNode, Trace

EXAMPLE: Final = "kind:sql >5ms error"

_KINDS: Final[dict[str, Collection[str]]] = {
    "sql": ("db",), "db": ("db",), "http": ("client", "server"), "client": ("client",), "server": ("server",),
    "serve": ("server",), "fixture": ("fixture",), "phase": ("phase",), "test": ("test",),
    "send": ("producer",), "producer": ("producer",), "receive": ("consumer",), "consumer": ("consumer",),
    "internal": ("internal",),
}  # fmt: skip
_STATES: Final = {
    "error": "error", "failed": "error", "ok": "ok", "open": "open", "running": "open", "slow": "slow",
}  # fmt: skip
_SHOWN: Final = {
    "kind": "sql, http, client, server, fixture, phase, test, send, receive, internal",
    "status": "error, ok, open, slow",
}
_BARE_STATES: Final = ("error", "failed", "open", "slow")
_FIELDS: Final = ("kind", "status", "own")
_UNITS: Final = {"us": 0.001, "µs": 0.001, "ms": 1.0, "s": 1000.0, "": 1.0}
_WORD: Final = re.compile(r'(-?)(?:"([^"]*)"|((?:"[^"]*"|[^\s"])+))')
_LONGER: Final = re.compile(r"(own)?([<>]=?)(.*)")
_NUMBER: Final = re.compile(r"(\d+(?:\.\d+)?|\.\d+)\s*([a-zµ]*)")
_FIELD: Final = re.compile(r"([a-z]+):(?!//|:)(.*)")

T = TypeVar("T")
Test = Callable[[SpanNode, "Known"], bool]


class Known:
    """What has to be known of a trace to judge its spans; texts are kept while they cannot change."""

    def __init__(self, trace: Trace, own: OwnTime) -> None:
        self.trace = trace
        self.own = own
        self._texts: dict[int, str] = {}
        self._spans: object = None
        self._order: list[SpanNode] = []
        self._places: dict[int, int] = {}
        self._ordered = -1

    def order(self) -> Sequence[SpanNode]:
        """Return all spans, as the waterfall shows them."""
        if self._ordered != self.trace.structure:
            self._ordered = self.trace.structure
            self._order = list(self.trace.walk())
            self._places = {}
        return self._order

    def places(self) -> Mapping[int, int]:
        """Return where each span, by number, stands in that order."""
        order = self.order()
        if not self._places:
            self._places = {span.id: place for place, span in enumerate(order)}
        return self._places

    def read_some(self, count: int) -> bool:
        """Take in the texts of so many more spans, before somebody asks; say whether others are left."""
        order = self.order()
        texts = self._known_texts()
        first = len(texts)  # all have ended, so that each one's text is kept
        for span in order[first : first + count]:
            self.text(span)
        return len(texts) > first and len(texts) < len(order)

    def _known_texts(self) -> dict[int, str]:
        if self._spans is not self.trace.spans:
            self._spans = self.trace.spans
            self._texts.clear()
        return self._texts

    def text(self, span: SpanNode) -> str:
        """Return name, attributes and events of a span in lower case."""
        self._known_texts()
        found = self._texts.get(span.id)
        if found is None:
            parts = [span.name, *(f"{name}={value}" for name, value in span.attributes.items())]
            parts += [f"{note.name} {' '.join(map(str, note.attributes.values()))}" for note in span.events]
            found = " ".join(parts).lower()
            if not span.is_open:
                self._texts[span.id] = found
        return found


@dataclass(frozen=True)
class Query:
    """Conditions that must all hold."""

    tests: tuple[Test, ...]

    def matches(self, span: SpanNode, known: Known) -> bool:
        """Say whether a span is meant."""
        return all(test(span, known) for test in self.tests)

    def among(self, spans: Sequence[SpanNode], known: Known) -> Sequence[SpanNode]:
        """Return those of some spans that are meant."""
        for test in self.tests:
            spans = [span for span in spans if test(span, known)]
        return spans


def parse(text: str) -> Query | None:
    """Read what was typed; None when that is nothing.

    Words are looked for in names, attributes (as `name=value`) and events, whatever their case; quotes keep
    words together and make them mere words. `kind:sql,http`, `status:ok`, `error`, `open`, `slow`, `>5ms`,
    `<=1.5s`, `own>200us` (time that no child covers); `-` before anything means that it must not hold.

    Raises:
        EnctestError: There is no such kind, status or duration; a quote is not closed.
    """
    if text.count('"') % 2:
        raise EnctestError("a quotation mark is not closed", 'Words that belong together: "order lines"')
    tests = [_negated(_test(match)) if match[1] else _test(match) for match in _WORD.finditer(text)]
    return Query(tuple(tests)) if tests else None


def _negated(test: Test) -> Test:
    return lambda span, known: not test(span, known)


def _test(match: re.Match[str]) -> Test:
    quoted, word = match[2], match[3]
    if quoted is not None:
        return _has(quoted.lower())
    word = word.lower()
    if longer := _LONGER.fullmatch(word):
        return _lasts(longer)
    if field := _FIELD.fullmatch(word):
        found = _field(field[1], field[2].replace('"', ""))
        if found is not None:
            return found
    if word in _BARE_STATES:
        return _is(_STATES[word])
    return _has(word.replace('"', ""))


def _has(text: str) -> Test:
    return lambda span, known: text in known.text(span)


def _field(name: str, value: str) -> Test | None:
    if name == "kind":
        kinds = {kind for each in value.split(",") for kind in _look_up(_KINDS, each, "kind")}
        return lambda span, _: span.kind in kinds
    if name == "status":
        tests = [_is(_look_up(_STATES, each, "status")) for each in value.split(",")]
        return lambda span, known: any(test(span, known) for test in tests)
    near = get_close_matches(name, _FIELDS, 1, 0.75)
    if near:
        raise EnctestError(f"nothing is called {name}:", f'Did you mean {near[0]}: or the text "{name}:"?')
    return None


def _look_up(table: Mapping[str, T], word: str, what: str) -> T:
    if word not in table:
        near = get_close_matches(word, table, 1)
        hint = f"Did you mean {near[0]}?" if near else f"There are: {_SHOWN[what]}."
        raise EnctestError(f"no {what} is called {word!r}", hint)
    return table[word]


def _is(state: str) -> Test:
    if state == "slow":
        return lambda span, known: known.own.is_slow(span)
    if state == "open":
        return lambda span, _: span.is_open
    if state == "error":
        return lambda span, _: span.is_error
    return lambda span, _: not span.is_open and not span.is_error


def _lasts(match: re.Match[str]) -> Test:
    own, sign, rest = match.groups()
    number = _NUMBER.fullmatch(rest)
    if number is None or number[2] not in _UNITS:
        said = f"{rest!r} is no duration" if rest else f"{sign} what?"
        raise EnctestError(said, f"Write {sign}5ms, {sign}1.5s or {sign}200us.")
    limit = float(number[1]) * _UNITS[number[2]]

    def ms(span: SpanNode, known: Known) -> float:
        return known.own.ms(span) if own else span.duration_ms(known.trace.now_ns)

    if sign == ">":
        return lambda span, known: ms(span, known) > limit
    if sign == ">=":
        return lambda span, known: ms(span, known) >= limit
    if sign == "<":
        return lambda span, known: ms(span, known) < limit
    return lambda span, known: ms(span, known) <= limit
