"""`enctest trace NODEID`: a test's last span tree."""

from __future__ import annotations

import contextlib

from enctest.errors import EnctestError
from enctest.events import Span
from enctest.paths import Project
from enctest.store.history import History, names
from enctest.tracing.model import Trace
from enctest.tracing.text import render


def trace(test: str) -> int:
    """Print the tree of the test's newest run, whatever arguments that had.

    Raises:
        EnctestError: The test, or its trace, is not known.
    """
    state = Project.find().state
    newest: tuple[float, int, tuple[Span, ...]] = (0.0, 0, ())
    known: dict[str, None] = {}
    for name in names(state) or ["history"]:
        with contextlib.closing(History(state, name)) as history:
            known |= dict.fromkeys(stored.info.test for stored in history.tests())
            result = history.result(test)
            if result is not None and result.t > newest[0]:
                newest = (result.t, *history.trace(test))
    _, run, spans = newest
    if not spans:
        raise _unknown(test, list(known))
    print(f"{test}  (run {run})")
    for line in render(Trace(spans)):
        print(line)
    return 0


def _unknown(test: str, known: list[str]) -> EnctestError:
    if test in known:
        return EnctestError(f"{test} has no trace yet", f"Run it: enctest '{test}'", exit_code=1)
    close = [name for name in known if test in name][:5]
    hint = "Did you mean: " + ", ".join(close) if close else "Run the tests once: enctest"
    return EnctestError(f"no test {test} is known here", hint, exit_code=1)
