"""`enctest trace NODEID`: a test's last span tree, or what is different from its last pass."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

from enctest.errors import EnctestError
from enctest.events import Against, Span
from enctest.paths import Project
from enctest.store.history import History, names
from enctest.tracing.comparison import compare
from enctest.tracing.model import Trace
from enctest.tracing.text import render, render_comparison

_Found = tuple[float, str, int, tuple[Span, ...]]
"""When, in which history, run, spans."""


def trace(test: str, against: Against | None = None, file: str | None = None) -> int:
    """Print the tree of the test's newest run, whatever arguments that had, or what an earlier one has else.

    Args:
        test: Its node id.
        against: What to compare with, if anything.
        file: Where to write it as OTLP JSON instead; `-` is standard output.

    Raises:
        EnctestError: The test, or its trace, or an earlier one, is not known.
    """
    state = Project.find().state
    newest: _Found = (0.0, "", 0, ())
    known: dict[str, None] = {}
    for name in names(state) or ["history"]:
        with contextlib.closing(History(state, name)) as history:
            known |= dict.fromkeys(stored.info.test for stored in history.tests())
            result = history.result(test)
            if result is not None and result.t > newest[0]:
                newest = (result.t, name, *history.trace(test))
    _, name, run, spans = newest
    if not spans:
        raise _unknown(test, list(known))
    if against is not None:
        return _compare(History(state, name), test, newest, against)
    if file is not None:
        return _write(test, newest, file)
    print(f"{test}  (run {run})")
    for line in render(Trace(spans)):
        print(line)
    return 0


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


def _compare(history: History, test: str, newest: _Found, against: Against) -> int:
    _, _, run, spans = newest
    with contextlib.closing(history):
        base, before = history.base(test, run, against)
    if not base:
        what = "has not passed before" if against == "pass" else "has no run before the last one"
        raise EnctestError(f"{test} {what}", "Without --compare you see its last run.", exit_code=1)
    what = "its last pass" if against == "pass" else "the run before"
    print(f"{test}  (run {run}, compared with {what}, run {base})")
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
