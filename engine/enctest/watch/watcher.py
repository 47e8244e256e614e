"""Which files changed: watchfiles underneath, only the project's own folders, editors' noise left out."""

from __future__ import annotations

import asyncio
import contextlib
import fnmatch
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import watchfiles

from enctest.foreign import FOREIGN_FOLDERS, is_foreign_folder

QUIET_MS = 10
"""Milliseconds without a further change after which a burst counts as over."""
BURST_MS = 200
"""Milliseconds after which a burst is handed on although it goes on."""

_MANY = 20
"""Files from which on a burst is likely to be a tool's, with more to come."""
_SETTLING, _LOOK, _PATIENCE_WITH_GIT = 0.04, 0.005, 10.0
"""Seconds without a change after which a tool's burst is over; between two looks; for git at most."""

_FILLING = 0.1
"""Seconds after which a file that is empty is meant to be."""
_PASSING = "pytest-cache-files-"
"""Folders that pytest makes beside its cache and renames at once."""
_SKIPPED_FILES = (
    "*.pyc", "*.pyo", "*~", ".#*", "#*#", "*.swp", "*.swo", "*.swx", "4913", ".coverage", ".coverage.*",
    "*.new.svg", "*.db-wal", "*.db-shm", "*.db-journal", ".DS_Store",
)  # fmt: skip


class Watcher:
    """Yields sets of changed paths below a root.

    Args:
        root: The folder to watch.
        ignore: Glob patterns, relative to the root, of files whose changes do not count.
    """

    def __init__(self, root: Path, ignore: Sequence[str] = ()) -> None:
        self.root = root
        self._ignore = tuple(ignore)
        self._queue: asyncio.Queue[set[Path]] = asyncio.Queue()
        self._tasks: list[asyncio.Task[None]] = []
        self._watched: list[Path] = []
        self._stop = asyncio.Event()
        self.error = ""

    async def changes(self) -> AsyncIterator[set[Path]]:
        """Yield changed paths (created, written, deleted), a burst at a time.

        The first set is empty and says that from now on no change is missed.
        """
        self._tasks = [asyncio.create_task(self._watch([self.root], recursive=False))]
        self._watch_folders()
        await asyncio.sleep(0)  # each of them has begun to watch before it waits for the first time
        yield set()
        try:
            while True:
                paths = await self._queue.get()
                yield paths | await self._rest(paths)
        finally:
            await self.close()

    async def close(self) -> None:
        """Stop watching."""
        self._stop.set()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()

    async def _rest(self, paths: set[Path]) -> set[Path]:
        """Return what belongs to the same burst: all that git writes in one go, however long it takes.

        A file that is empty is waited for, too: who saves in place empties it first.
        """
        rest: set[Path] = set()
        deadline = time.monotonic() + _PATIENCE_WITH_GIT
        filled_at = time.monotonic() + _FILLING
        quiet_at = time.monotonic() + (_SETTLING if len(paths) > _MANY else 0.0)
        while True:
            while not self._queue.empty():
                rest |= self._queue.get_nowait()
                if len(paths | rest) > _MANY:
                    quiet_at = time.monotonic() + _SETTLING
            if self.git_is_at_work():
                quiet_at = time.monotonic() + _SETTLING
            is_filled = time.monotonic() >= filled_at or not any(map(_is_empty, paths | rest))
            if is_filled and time.monotonic() >= min(quiet_at, deadline):
                return rest
            await asyncio.sleep(_LOOK)

    def git_is_at_work(self) -> bool:
        """Tell whether git is about to write more files: it holds this lock from the first to the last."""
        return (self.root / ".git" / "index.lock").exists()

    def counts(self, path: Path) -> bool:
        """Tell whether a change of this path is one of the project's."""
        try:
            relative = path.relative_to(self.root)
        except ValueError:
            return False
        if any(part in FOREIGN_FOLDERS or part.startswith(_PASSING) for part in relative.parts):
            return False
        if any(fnmatch.fnmatch(path.name, p) for p in _SKIPPED_FILES):
            return False
        return not any(fnmatch.fnmatch(relative.as_posix(), pattern) for pattern in self._ignore)

    def _folders(self) -> list[Path]:
        """Return the project's top folders; a watch on the root itself would go through every environment."""
        with contextlib.suppress(OSError):
            return sorted(
                path
                for path in self.root.iterdir()
                if path.is_dir() and not is_foreign_folder(str(path), path.name)
            )
        return []

    def _watch_folders(self) -> None:
        """Watch the folders that are there now; the old watch ends once the new one runs."""
        folders = self._folders()
        if folders == self._watched:
            return
        new = [folder for folder in folders if folder not in self._watched]
        self._watched = folders
        old = self._tasks[1:]
        self._tasks[1:] = [asyncio.create_task(self._watch(folders, recursive=True))] if folders else []
        for task in old:
            asyncio.get_running_loop().call_later(1, task.cancel)
        for folder in new if old else ():
            self._queue.put_nowait(self._files(folder))

    def _files(self, folder: Path) -> set[Path]:
        with contextlib.suppress(OSError):
            return {path for path in folder.rglob("*") if self.counts(path) and path.is_file()}
        return set()

    async def _watch(self, folders: Sequence[Path], *, recursive: bool) -> None:
        watching = watchfiles.awatch(
            *folders,
            watch_filter=None,
            debounce=BURST_MS,
            step=QUIET_MS,
            stop_event=self._stop,
            recursive=recursive,
            rust_timeout=5000,
        )
        try:
            async for changes in watching:
                if not recursive:
                    self._watch_folders()
                paths = {path for _, changed in changes if self.counts(path := Path(changed))}
                for path in [path for path in paths if path.is_dir()]:
                    paths |= self._files(path)  # they may have come before the watch on their folder
                if paths:
                    self._queue.put_nowait(paths)
        except (OSError, RuntimeError) as error:  # the system's limit on watches, mostly
            self.error = f"{self.root} cannot be watched: {error}"


def _is_empty(path: Path) -> bool:
    try:
        return path.stat().st_size == 0
    except OSError:
        return False
