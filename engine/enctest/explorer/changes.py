"""What changed files mean: which tests are outdated now, and what has to start anew."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from enctest.events import Affected, Change, Error, Notice
from enctest.explorer.agenda import Wish
from enctest.explorer.earlier import KNOWN
from enctest.explorer.effect import Effect
from enctest.watch.watcher import Watcher

if TYPE_CHECKING:
    from enctest.explorer.explorer import Explorer

_FOR_KEYS = 0.01
"""Seconds at most between a save and the question what it affects."""
_ROUND, _SHARE = 3.0, 100.0
"""Seconds between two looks at all files at least, and how many times longer than a look."""
_OWN_WRITES = 3
"""How often a data file may change during runs before it counts as written by the tests."""


class Changes:
    """Turns changed files into wishes on an explorer's agenda."""

    def __init__(self, explorer: Explorer) -> None:
        self.watching = asyncio.Event()
        self._explorer = explorer
        self._writes: dict[Path, int] = {}
        self._watcher = Watcher(explorer.project.root, explorer.settings.ignore)
        self._taken: list[tuple[int, tuple[str, ...]]] = []
        self._times: list[tuple[float, int]] = []

    def last_before(self, t: float) -> int:
        """Return the number of the last change that was known before `t` (seconds since the epoch)."""
        return max((number for known_at, number in self._times if known_at < t), default=0)

    async def watch(self) -> None:
        """Follow the project's files until cancelled; `watching` is set once no change is missed."""
        watcher = self._watcher
        async for paths in watcher.changes():
            if watcher.error:
                self._explorer.publish(
                    Error(message=watcher.error, hint="Changes may go unseen; press R to run all.")
                )
                watcher.error = ""
            self.watching.set()
            self.changed(paths)

    async def patrol(self) -> None:
        """Look for changes that the watch has lost, in quiet moments, until cancelled.

        watchfiles loses what comes between taking a batch and clearing it.
        """
        pause = _ROUND
        while True:
            await asyncio.sleep(pause)
            begun = time.monotonic()
            if self._explorer.running is None:
                await self.look()
            pause = max(_ROUND, _SHARE * (time.monotonic() - begun))

    async def look(self) -> None:
        """Take what looks different from when it was read, but for what tests themselves keep writing.

        Not while git writes: half of a branch is no state of the project.
        """
        if self._watcher.git_is_at_work():
            return
        paths = await asyncio.to_thread(self._explorer.selector.overlooked)
        if self._explorer.running is None and not self._watcher.git_is_at_work():
            mine = {path for path, times in self._writes.items() if times >= _OWN_WRITES}
            self.changed({path for path in paths - mine if self._watcher.counts(path)})

    def changed(self, paths: set[Path]) -> None:
        """Take changed files."""
        self._explorer.earlier.make_keys(_FOR_KEYS)  # of results that have just come, before the files differ
        effect = self._explorer.selector.changed(self._written_by_tests(paths))
        if not effect.paths:
            return
        self._explorer.saved_at = effect.saved_at
        self._explorer.publish(Change(paths=effect.paths, t_saved=effect.saved_at))
        if "pyproject.toml" in effect.paths:
            self._explorer.reload()
        self.take(effect, f"changed: {', '.join(effect.paths[:3])}")

    def since(self, number: int) -> set[str]:
        """Return the files that changed after a change, in this explorer's life."""
        return {path for taken, paths in self._taken if taken > number for path in paths}

    def _written_by_tests(self, paths: set[Path]) -> set[Path]:
        """Leave out data files that runs themselves keep writing: they would cause runs without end."""
        if self._explorer.running is None:
            for path in paths:
                self._writes.pop(path, None)
            return paths
        for path in paths:
            if path.suffix != ".py":
                self._writes[path] = self._writes.get(path, 0) + 1
                if self._writes[path] == _OWN_WRITES:
                    name = path.relative_to(self._explorer.project.root)
                    self._explorer.publish(
                        Notice(message=f"{name} is written by tests: what they write reruns nothing")
                    )
        return {path for path in paths if self._writes.get(path, 0) < _OWN_WRITES}

    def take(self, effect: Effect, reason: str) -> None:
        """Outdate what an effect reaches, remember that, and put it on the agenda."""
        explorer = self._explorer
        explorer.change += 1
        self._taken.append((explorer.change, effect.paths))
        explorer.hosts.changed(explorer.change, effect.paths, effect.moved)
        explorer.needs_host |= effect.restarts_host(explorer.hosts.ready, explorer.project.root)
        self._times.append((time.time(), explorer.change))
        migrated = self._migrated(effect.paths)
        everything = dict.fromkeys(explorer.book.tests, effect.everything) if effect.everything else {}
        reasons = (
            dict.fromkeys(self._unrecorded(), "it is not known what it needs") | everything | effect.tests
        )
        reasons |= migrated
        explorer.earlier.leave([*reasons, *self._tests_in_deleted(effect.paths)], effect)
        self._forget_files(effect.paths)
        outdated = explorer.book.outdate(reasons, explorer.change)
        known = explorer.earlier.recall(outdated, effect)
        explorer.agenda.known(entry.info.test for entry in known)
        reasons |= {entry.info.test: KNOWN for entry in known}
        tests = [test for test in outdated if explorer.book.tests[test].outdated is not None]
        explorer.selector.note(reasons)
        explorer.audit.changed(len(tests), explorer.book.count)
        explorer.journal.outdated([explorer.book.tests[test] for test in tests], explorer.selector)
        explorer.publish(
            Affected(
                tests=tuple(tests),
                total=explorer.book.count,
                reasons={test: reasons[test] for test in (*tests, *(entry.info.test for entry in known))},
                known=tuple(entry.state() for entry in known),
            )
        )
        if effect.everything:
            explorer.agenda.changed(Wish(everything=True, reason=reason))
        elif tests or effect.new_in or explorer.book.broken:
            again = explorer.book.failed() - explorer.book.broken
            files = {*effect.new_in, *explorer.book.broken}
            explorer.agenda.changed(Wish(tests={*tests, *again}, files=files, reason=reason))
        if not explorer.paused and (left := explorer.book.outdated() - set(tests)):
            explorer.agenda.postpone(left, "left from before")
        explorer.interrupt({*tests, *(entry.info.test for entry in known)})
        if known:
            explorer.desk.refresh(entry.info.test for entry in known)

    def _unrecorded(self) -> list[str]:
        """Return the tests that have run, but left no record: any change may reach them."""
        book = self._explorer.book
        unknown = self._explorer.selector.unrecorded(book.tests)
        return [test for test in unknown if book.tests[test].outcome is not None and test not in book.broken]

    def _tests_in_deleted(self, paths: Sequence[str]) -> list[str]:
        book, root = self._explorer.book, self._explorer.project.root
        gone = [file for file in paths if file in book.files and not (root / file).exists()]
        return [test for file in gone for test in book.files[file]]

    def _forget_files(self, paths: Sequence[str]) -> None:
        """Drop the tests of files that were deleted."""
        explorer = self._explorer
        tests = self._tests_in_deleted(paths)
        for test in tests:
            explorer.book.remove(test)
        if tests:
            explorer.forget(tests)

    def _migrated(self, paths: Sequence[str]) -> dict[str, str]:
        """Return the tests that migrations and seeds among these reach; their databases are made anew."""
        explorer = self._explorer
        root = explorer.project.root
        databases = explorer.leases.databases
        declared = explorer.settings.databases
        reached = {path: names for path in paths if (names := databases.touched([root / path]))}
        if not reached:
            return {}
        explorer.needs_databases = True
        databases.invalidate()
        changed = {name: declared[name] for names in reached.values() for name in names}
        return dict.fromkeys(explorer.selector.migrated(changed), f"`{next(iter(reached))}` changed")
