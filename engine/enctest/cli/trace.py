"""`enctest trace NODEID`: a test's last span tree and what is found in it, or another view of it."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Literal

from enctest import config
from enctest.errors import EnctestError
from enctest.events import Before, Span
from enctest.explorer.explaining import Explaining
from enctest.paths import Project
from enctest.store.history import History, names
from enctest.tracing.comparison import compare
from enctest.tracing.critical_path import steps
from enctest.tracing.model import Trace
from enctest.tracing.statistics import statistics
from enctest.tracing.tables import render_findings, render_path, render_statistics
from enctest.tracing.text import render, render_comparison

_Found = tuple[float, str, int, tuple[Span, ...]]
"""When, in which history, run, spans."""


View = Literal["tree", "statistics", "critical path"]


def trace(
    test: str,
    against: Before | None = None,
    view: View = "tree",
    file: str | None = None,
    *,
    other: str | None = None,
) -> int:
    """Print the tree of the test's newest run, whatever arguments that had, or what an earlier one has else.

    Args:
        test: A node id.
        against: Print only what is different from that earlier run.
        view: What to print of the newest run otherwise.
        file: Where to write it as OTLP JSON instead; `-` is standard output.
        other: Print only what is different from the newest run of this test.

    Raises:
        EnctestError: A test, or its trace, or an earlier one, is not known.
    """
    project = Project.find()
    newest = _newest(project, test)
    _, name, run, spans = newest
    if other is not None:
        _, _, base, before = _newest(project, other)
        return _compare(test, (run, spans), f"{other}, run {base}", before)
    if against is not None:
        base, before = _earlier(History(project.state, name), test, run, against)
        what = "its last pass" if against == "pass" else "the run before"
        return _compare(test, (run, spans), f"{what}, run {base}", before)
    if file is not None:
        return _write(test, newest, file)
    print(f"{test}  (run {run})")
    tree = Trace(spans)
    lines: dict[View, Callable[[], Iterable[str]]] = {
        "tree": lambda: chain(render(tree), _findings(project, name, test, run, tree)),
        "statistics": lambda: render_statistics(statistics(tree.tops(), _end(tree))),
        "critical path": lambda: _critical_path(tree),
    }
    for line in lines[view]():
        print(line)
    return 0


def _newest(project: Project, test: str) -> _Found:
    found: _Found = (0.0, "", 0, ())
    known: dict[str, None] = {}
    for name in names(project.state) or ["history"]:
        with contextlib.closing(History(project.state, name)) as history:
            known |= dict.fromkeys(stored.info.test for stored in history.tests())
            result = history.result(test)
            if result is not None and result.t > found[0]:
                found = (result.t, name, *history.trace(test))
    if not found[-1]:
        raise _unknown(test, list(known))
    return found


def _write(test: str, newest: _Found, file: str) -> int:
    from enctest.tracing.otlp.export import as_json

    ended, _, _, spans = newest
    last_ns = max(span.end_ns or span.start_ns for span in spans)
    epoch_ns = int(ended * 1e9) - last_ns  # what the monotonic clock showed then, nobody knows better
    text = json.dumps(as_json(test, spans, epoch_ns, {"service.name": Project.find().root.name}))
    if file == "-":
        print(text)
        return 0
    try:
        Path(file).write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise EnctestError(f"{file} cannot be written: {error.strerror}") from error
    return 0


def _findings(project: Project, name: str, test: str, run: int, tree: Trace) -> Iterator[str]:
    with contextlib.closing(History(project.state, name)) as history:
        _, base = history.base(test, run, "pass")
        recent = next((stored.recent for stored in history.tests() if stored.info.test == test), b"")
    explaining = Explaining(project.root, config.load(project.root))
    return render_findings(explaining.findings(test, run, tree, recent, base).findings)


def _critical_path(tree: Trace) -> Iterator[str]:
    if tree.root is None:
        return iter(())
    end = _end(tree)
    return render_path(steps(tree.root, end), tree.root.duration_ns(end))


def _end(tree: Trace) -> int:
    return max((top.last_ns() for top in tree.tops()), default=0)


def _earlier(history: History, test: str, run: int, against: Before) -> tuple[int, tuple[Span, ...]]:
    with contextlib.closing(history):
        base, before = history.base(test, run, against)
    if not base:
        what = "has not passed before" if against == "pass" else "has no run before the last one"
        raise EnctestError(f"{test} {what}", "Without --compare you see its last run.", exit_code=1)
    return base, before


def _compare(test: str, newest: tuple[int, tuple[Span, ...]], what: str, before: tuple[Span, ...]) -> int:
    run, spans = newest
    print(f"{test}  (run {run}, compared with {what})")
    found = compare(Trace(before).tops(), Trace(spans).tops())
    counts = [f"{number} {state}" for state, number in found.counts.items() if state != "same"]
    print(", ".join(counts) or "nothing is different")
    for line in render_comparison(found):
        print(line)
    return 0


def _unknown(test: str, known: list[str]) -> EnctestError:
    if test in known:
        return EnctestError(f"{test} has no trace yet", f"Run it: enctest '{test}'", exit_code=1)
    close = [name for name in known if test in name][:5]
    hint = "Did you mean: " + ", ".join(close) if close else "Run the tests once: enctest"
    return EnctestError(f"no test {test} is known here", hint, exit_code=1)
