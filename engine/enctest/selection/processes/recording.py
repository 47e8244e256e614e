"""A process's own recorder, from the moment when it comes near the project."""

from __future__ import annotations

import marshal
import warnings
from collections.abc import Iterable
from pathlib import Path
from types import FrameType

from enctest.selection.recorder import Recorder
from enctest.selection.telling import Functions, Needs


class Recording:
    """Records all that this process does, for whoever started it. It is a `telling.Teller`.

    Args:
        root: The project's root, resolved.
        state: Its state folder.
        absent: Names of modules that were looked for in vain before.
        read: Environment variables that were read before, as `$NAME`.
    """

    def __init__(self, root: str, state: str, absent: Iterable[str], read: Iterable[str]) -> None:
        self._read = list(read)
        self._functions: list[Functions] = []
        self._modules: list[Needs] = []
        self._process: Needs | None = None
        self._recorder = Recorder(Path(root), self, Path(state))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self._recorder.install()
        self._recorder.start_test()
        for name in absent:
            self._recorder.sought(name)

    def heard(self, event: str, arguments: tuple[object, ...], frame: FrameType | None) -> None:
        """Take an audit event that came before the recorder was there."""
        self._recorder.heard(event, arguments, frame)

    def finish(self) -> bytes:
        """Return the report, as `reports.parse` reads it; empty if the recorder failed."""
        self._recorder.guard(lambda: self._recorder.finish_process(self._read))
        if self._process is None:
            return b""
        functions, modules = map(tuple, self._functions), map(tuple, self._modules)
        return marshal.dumps((list(functions), list(modules), tuple(self._process)))

    # --- what the recorder tells ---

    def functions(self, functions: Functions) -> None:
        """Keep the numbers of a file's functions."""
        self._functions.append(functions)

    def module(self, needs: Needs) -> None:
        """Keep what a module needed."""
        self._modules.append(needs)

    def test(self, needs: Needs) -> None:
        """Keep what the process needed."""
        self._process = needs

    def broken(self, reason: str) -> None:
        """Nothing is left to do: without a report, every change counts."""
