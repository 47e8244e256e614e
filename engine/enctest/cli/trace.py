"""`enctest trace NODEID`: a test's last span tree."""

from __future__ import annotations

from enctest.errors import EnctestError
from enctest.paths import Project
from enctest.store.history import History
from enctest.tracing.model import Trace
from enctest.tracing.text import render


def trace(test: str) -> int:
    """Print the tree.

    Raises:
        EnctestError: The test, or its trace, is not known.
    """
    history = History(Project.find().state)
    try:
        run, spans = history.trace(test)
        known = [stored.info.test for stored in history.tests()]
    finally:
        history.close()
    if not spans:
        close = [name for name in known if test in name][:5]
        if test in known:
            raise EnctestError(f"{test} has no trace yet", "Run it: enctest " + test, exit_code=1)
        hint = "Did you mean: " + ", ".join(close) if close else "Run the tests once: enctest"
        raise EnctestError(f"no test {test} is known here", hint, exit_code=1)
    print(f"{test}  (run {run})")
    for line in render(Trace(spans)):
        print(line)
    return 0
