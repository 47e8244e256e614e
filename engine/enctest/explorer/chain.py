"""The suspended processes that runs resume from, the shallowest first: which of them are still true."""

from __future__ import annotations

import asyncio
import os
import sys
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath

from enctest.selection.paths import looked_at, module_names
from enctest.session.job import COLLECTED, COLLECTION, Job
from enctest.session.points import Point

_ALL_VARIABLES = "$*"
"""What stands among the files of a snapshot in which all environment variables were read at once."""
_MOST_EDITS = 5
"""Files that a snapshot takes over at once: after a branch was switched, say, all is imported again."""
_EDITED = 32
"""Edited files that are remembered, to suspend before them."""


class Chain:
    """Snapshots of one session host's workers.

    Args:
        limit: How many there may be.
        memory: Megabytes of private memory that they may have together.
        before: The chain that this one takes the place of: both know the same edits.
    """

    def __init__(self, limit: int, memory: int, before: Chain | None = None) -> None:
        self._limit = limit
        self._memory = memory * 1024 * 1024
        self._points: list[Point] = []
        self._stale: list[Point] = []
        self._edited: OrderedDict[str, None] = OrderedDict() if before is None else before._edited  # noqa: SLF001 - one of us
        self._changes: list[tuple[int, frozenset[str], frozenset[str]]] = []
        self._closing: set[asyncio.Task[None]] = set()

    @property
    def points(self) -> tuple[Point, ...]:
        """Those that are true, the shallowest first."""
        return tuple(self._points)

    def add(self, point: Point) -> None:
        """Take a new snapshot, unless a change since it was begun has made it untrue."""
        if point.info is None or self._limit == 0:
            self.retire(point)
            return
        for number, paths, moved in self._changes:
            if number > point.since and _is_untrue(point, paths, moved):
                self.retire(point)
                return
        if point.info.place == COLLECTED:
            for other in [one for one in self._points if one.info and one.info.place == COLLECTED]:
                self._points.remove(other)
                self.retire(other)
        self._points.append(point)
        self._points.sort(key=_depth)  # their sockets tell in no order
        while len(self._points) > self._limit:
            self._drop_oldest()

    def gone(self, point: Point) -> None:
        """A snapshot has ended."""
        for points in (self._points, self._stale):
            if point in points:
                points.remove(point)

    def changed(self, number: int, paths: Iterable[str], moved: Iterable[str]) -> None:
        """Drop what a change makes untrue.

        Args:
            number: The change's.
            paths: Files that changed, relative to the root.
            moved: Those among them that are new or gone.
        """
        change = number, frozenset(paths), frozenset(moved)
        self._changes.append(change)
        for path in sorted(change[1]):
            if path.endswith(".py"):
                self._edited[path] = None
                self._edited.move_to_end(path)
        while len(self._edited) > _EDITED:
            self._edited.popitem(last=False)
        for point in [point for point in self._points if _is_untrue(point, *change[1:])]:
            edits = _edits(point, *change[1:])
            if edits:
                point.revise(edits)
            else:
                self.drop(point)

    def drop(self, point: Point) -> None:
        """Let a snapshot end, which is not true any more."""
        if point in self._points:
            self._points.remove(point)
            self.retire(point)

    def holds(self, stream: int) -> bool:
        """Tell whether a snapshot is alive that was made in this worker."""
        return any(one.info and one.info.stream == stream for one in [*self._points, *self._stale])

    def edited(self, paths: Iterable[str]) -> None:
        """Take files for recently edited (the newest last) of which nothing else is known."""
        for path in paths:
            self._edited.setdefault(path)

    def deepest(self, env: Mapping[str, str]) -> Point | None:
        """Return the deepest snapshot in which nothing was done that these variables would change."""
        return self.suiting(self._points, env)

    @staticmethod
    def suiting(points: Sequence[Point], env: Mapping[str, str]) -> Point | None:
        """Return the last of these points that suits these variables."""
        return next((point for point in reversed(points) if _suits(point, env)), None)

    def places(self, start: Point | None) -> tuple[str, ...]:
        """Return where a worker that goes on from `start` (None: the host) should suspend copies."""
        if self._limit == 0:
            return ()
        info = start.info if start else None
        seen = set(info.files) if info else set()
        held = {point.info.place for point in self._points if point.info}
        room = max(0, self._limit - 2)
        files = [path for path in reversed(self._edited) if path not in seen and path not in held][:room]
        return (*(() if (info and info.collecting) or COLLECTION in held else (COLLECTION,)), *files)

    def late(self, is_test_file: Iterable[str]) -> tuple[str, ...]:
        """Return those of the given test files that were edited recently, the newest last."""
        given = set(is_test_file)
        return tuple(path for path in self._edited if path in given)[-max(1, self._limit - 2) :]

    def trim(self) -> None:
        """Drop what takes too much memory, the oldest first; the last one stays."""
        sizes = {id(point): _private(point) for point in self._points}
        while len(self._points) > 1 and sum(sizes[id(point)] for point in self._points) > self._memory:
            self._drop_oldest()

    def memory(self) -> int:
        """Return the private memory of all snapshots in bytes; 0 where the system does not say."""
        return sum(map(_private, self._points))

    def _drop_oldest(self) -> None:
        """Drop the copy before the file that was edited longest ago; the collected one last of all."""
        order = [COLLECTION, *self._edited]

        def age(point: Point) -> int:
            place = point.info.place if point.info else ""
            return len(order) if place == COLLECTED else order.index(place) if place in order else -1

        oldest = min(self._points, key=age)
        self._points.remove(oldest)
        self.retire(oldest)

    async def clear(self) -> None:
        """End all of them."""
        points = [*self._points, *self._stale]
        self._points.clear()
        self._stale.clear()
        await asyncio.gather(*(point.close() for point in points), *self._closing)

    def sweep(self) -> None:
        """End those that are untrue and have no worker any more."""
        for point in [point for point in self._stale if not point.busy]:
            self._stale.remove(point)
            task = asyncio.create_task(point.close())
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

    def retire(self, point: Point) -> None:
        """Let a snapshot end once it has no worker any more."""
        self._stale.append(point)
        self.sweep()


def covers(point: Point, job: Job) -> bool:
    """Tell whether a collected copy holds most of the files of a job: each worker collects the rest."""
    info = point.info
    if info is None or info.place != COLLECTED:
        return False
    missing = set(job.files) - set(info.collected)
    return len(missing) * 10 <= len(job.files)


def _depth(point: Point) -> int:
    return point.info.depth if point.info else 0


def _suits(point: Point, env: Mapping[str, str]) -> bool:
    if not point.is_known() or point.revising is not None:
        return False  # its socket was quicker than that of the records, or nobody has read those to the end
    files = point.info.files if point.info else ()
    other = {f"${name}" for name, value in env.items() if point.env.get(name) != value}
    return not other or (other.isdisjoint(files) and _ALL_VARIABLES not in files)


def _edits(point: Point, paths: frozenset[str], moved: frozenset[str]) -> list[str]:
    """Return those of the changed files that a collected copy may take over, if it is true with them."""
    info = point.info
    if info is None or info.place != COLLECTED:
        return []
    edits = {path for path in paths - moved if path.endswith(".py") and path in info.files}
    untrue = not 0 < len(edits) <= _MOST_EDITS or _is_untrue(point, paths - edits, moved)
    if untrue or not {looked_at(path) for path in edits}.isdisjoint(info.files):
        return []
    return sorted(edits)


def _is_untrue(point: Point, paths: frozenset[str], moved: frozenset[str]) -> bool:
    info = point.info
    if info is None:
        return True
    if not paths.isdisjoint(info.files) or info.place in moved:
        return True
    if not {looked_at(path) for path in paths}.isdisjoint(info.files):
        return True
    if not moved:
        return False
    parents = {str(parent) for path in moved for parent in PurePosixPath(path).parents}
    folders = {f"{parent}/" for parent in parents} | {looked_at(parent) for parent in parents}
    names = {name for path in moved if path.endswith(".py") for name in module_names(path)}
    if not folders.isdisjoint(info.files) or not names.isdisjoint(info.absent):
        return True
    suffixes = {".py", *(PurePosixPath(path).suffix for path in info.collected)}
    return info.collecting and any(PurePosixPath(path).suffix in suffixes for path in moved)


def _private(point: Point) -> int:
    """Return a process's private memory in bytes; 0 where the system does not say."""
    if sys.platform != "linux" or point.info is None:
        return 0
    try:
        text = Path(f"/proc/{point.info.pid}/smaps_rollup").read_text(encoding="ascii")
    except OSError:
        return 0
    kilobytes = [line.split()[1] for line in text.splitlines() if line.startswith("Private_")]
    return sum(map(int, kilobytes)) * 1024


def cores() -> int:
    """Return how many processes can run at the same time here."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
