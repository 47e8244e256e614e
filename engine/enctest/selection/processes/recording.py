"""A process's own recorder, from the moment when it comes near the project."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from pathlib import Path
from types import FrameType

import msgspec

from enctest.errors import EnctestError
from enctest.record import Record
from enctest.selection.recorder import Recorder


class Recording:
    """Records all that this process does, for whoever started it.

    Args:
        root: The project's root, resolved.
        state: Its state folder.
        absent: Names of modules that were looked for in vain before.
        read: Environment variables that were read before, as `$NAME`.
    """

    def __init__(self, root: str, state: str, absent: Iterable[str], read: Iterable[str]) -> None:
        self._read = list(read)
        self._records: list[Record] = []
        self._recorder = Recorder(Path(root), 0, self._records.append, Path(state))
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
        """Return the report.

        Raises:
            EnctestError: The recorder broke down.
        """
        self._recorder.guard(lambda: self._recorder.finish_process(self._read))
        if self._recorder.broken:
            raise EnctestError("this process could not be recorded")
        return msgspec.msgpack.encode(self._records)
