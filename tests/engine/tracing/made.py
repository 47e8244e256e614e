"""Makes traces of tests, and a project with sources, to find things in."""

from __future__ import annotations

import itertools
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from enctest.config import FindingSettings
from enctest.events import Finding, Span, SpanKind
from enctest.tracing.findings.finder import Finder
from enctest.tracing.model import Trace

TEST = "tests/test_shop.py::test_it"
MS = 1_000_000
APP = "shop/orders.py"
SELECT = "SELECT * FROM line WHERE order_id = %s"

Tree = tuple[dict[str, Any], list["Tree"]]


def span(name: str, *children: Tree, kind: SpanKind = "internal", ms: float = 1.0, **more: Any) -> Tree:
    return {"name": name, "kind": kind, "ms": ms, **more}, list(children)


def at(line: int, path: str = APP) -> dict[str, Any]:
    return {"code.file.path": path, "code.line.number": line}


def query(text: str, *arguments: object, rows: int | None = None, site: Any = None, **more: Any) -> Tree:
    verb = text.partition(" ")[0]
    attributes: dict[str, Any] = {"db.query.text": text, "db.namespace": "shop", "db.operation.name": verb}
    attributes |= {"db.query.parameters": [repr(each) for each in arguments]} if arguments else {}
    attributes |= {"db.response.returned_rows": rows} if rows is not None else {}
    name = " ".join(text.split()[:2])
    return span(name, kind="db", attributes={**attributes, **(site or at(9))}, **more)


def get(url: str, site: Any, *children: Tree, status: int = 200, method: str = "GET", **more: Any) -> Tree:
    attributes = {"http.request.method": method, "url.full": url, "http.response.status_code": status}
    return span(method, *children, kind="client", attributes={**attributes, **site}, **more)


def served(*children: Tree) -> Tree:
    """Return a request that the application answers in the test's process."""
    return span("GET /orders", *children, kind="server")


def traced(*children: Tree) -> Trace:
    """Return the trace of a test with a call phase around `children`, one after the other."""
    call = span("call", *children, kind="phase", attributes={"pytest.phase": "call"})
    root = span(TEST, call, kind="test", attributes={"code.file.path": "tests/test_shop.py"})
    return Trace(_spans(root, None, itertools.count(1), [0]))


def _spans(tree: Tree, parent: int | None, numbers: Iterator[int], clock: list[float]) -> Iterator[Span]:
    about, children = tree
    number, start = next(numbers), clock[0]
    below = [each for child in children for each in _spans(child, number, numbers, clock)]
    clock[0] = max(clock[0], start + about["ms"] * MS)
    fields = {"status": "ok", **{key: value for key, value in about.items() if key != "ms"}}
    yield Span(span=number, parent=parent, start_ns=int(start), end_ns=int(clock[0]), **fields)
    yield from below


class Project:
    """A project with one source file."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.settings = FindingSettings()

    def write(self, source: str, path: str = APP) -> None:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(textwrap.dedent(source).lstrip("\n"))

    def find(self, *children: Tree, trace: Trace | None = None, **more: Any) -> list[Finding]:
        trace = trace or traced(*children)
        return Finder(str(self.root), self.settings).find(TEST, trace, **more)

    def kinds(self, *children: Tree, **more: Any) -> list[str]:
        return [finding.kind for finding in self.find(*children, **more)]
