"""The self-audit: in idle time, tests that selection left out run again, to measure what it misses."""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import TYPE_CHECKING

import msgspec

from enctest.events import BAD_OUTCOMES, Audited, Miss, Outcome

if TYPE_CHECKING:
    from enctest.explorer.explorer import Explorer

PAUSE = 3.0
"""Seconds of quiet before the first sample after a change, and between two samples."""
_SAMPLE = 20
_SAMPLE_MS = 1500.0
_SAMPLES = 5
"""Samples after one change at most."""
_NICE = 10


class Counts(msgspec.Struct):
    """What was measured since the history began.

    Attributes:
        sampled: Left-out tests that ran again.
        missed: Those of them whose outcome had changed.
        caught: Selected tests whose outcome had changed.
        selected, suite: Sums over all changes: tests selected, tests there were.
    """

    sampled: int = 0
    missed: int = 0
    caught: int = 0
    selected: int = 0
    suite: int = 0


class Audit:
    """Samples and counts.

    Args:
        explorer: Whose selection is audited.
        counts: What was measured before.
    """

    def __init__(self, explorer: Explorer, counts: Counts) -> None:
        self.counts = counts
        self._explorer = explorer
        self._done: set[str] = set()
        self._samples = 0

    def changed(self, selected: int, suite: int) -> None:
        """A change selected some tests of the suite."""
        self.counts.selected += selected
        self.counts.suite += suite
        self._done.clear()
        self._samples = 0

    def caught(self, before: Outcome | None, after: Outcome) -> None:
        """A selected test has another outcome than before, or the same."""
        if before is not None and (before in BAD_OUTCOMES) != (after in BAD_OUTCOMES):
            self.counts.caught += 1

    def report(self, misses: Iterable[Miss] = ()) -> Audited:
        """Return what was measured."""
        counts = self.counts
        changed = counts.caught + counts.missed
        return Audited(
            sampled=counts.sampled,
            recall=counts.caught / changed if changed else 1.0,
            rate=counts.selected / counts.suite if counts.suite else None,
            misses=tuple(misses),
        )

    async def sample(self) -> Audited | None:
        """Run a sample; None when nothing is left to be sampled for now.

        Raises:
            EnctestError: Nothing can run.
        """
        if self._samples >= _SAMPLES:
            return None
        self._samples += 1
        tests = self._choose()
        if not tests:
            return None
        book = self._explorer.book
        before = {test: book.tests[test].outcome for test in tests}
        results = await self._explorer.trials.warm(tests, nice=_NICE)
        self._done.update(tests)
        self.counts.sampled += len(results)
        suspects = [test for test, result in results.items() if _differs(before[test], result.outcome)]
        misses = await self._confirm(suspects) if suspects else []
        return self.report(misses)

    def _choose(self) -> list[str]:
        """Return some fresh tests that were not sampled since the last change, in the suite's order."""
        entries = [
            entry
            for entry in self._explorer.book.in_order()
            if entry.outdated is None
            and entry.outcome in ("passed", "xfailed")
            and entry.info.test != entry.file
        ]
        rest = [entry for entry in entries if entry.info.test not in self._done]
        chosen: set[str] = set()
        cost = 0.0
        for entry in random.sample(rest, min(_SAMPLE, len(rest))):
            if cost + entry.duration_ms <= _SAMPLE_MS:
                cost += entry.duration_ms
                chosen.add(entry.info.test)
        return [entry.info.test for entry in rest if entry.info.test in chosen]

    async def _confirm(self, suspects: list[str]) -> list[Miss]:
        """Return those that a fresh process finds changed as well; what only the sample found is flaky."""
        explorer = self._explorer
        results = await explorer.trials.fresh(suspects)
        misses = []
        for test in suspects:
            before = explorer.book.tests[test].outcome if test in explorer.book.tests else None
            result = results.get(test)
            if result is None or before is None or not _differs(before, result.outcome):
                continue
            self.counts.missed += 1
            paths = explorer.changes.since(explorer.book.tests[test].ran)
            message = explorer.selector.widen(test, paths)
            misses.append(Miss(test=test, before=before, after=result.outcome, message=message))
        return misses


def _differs(before: Outcome | None, after: Outcome) -> bool:
    return before is not None and before != after
