"""The audit hook: one for all that is heard, since each is called for every event."""

from __future__ import annotations

import sys
from collections.abc import Callable

from enctest.selection.files import EVENTS, FileWatch
from enctest.selection.inspection import ATTRIBUTES, InspectionWatch


class Hearing:
    """Passes audit events on.

    Args:
        files: Gets those about files and processes.
        inspection: Gets those about functions' default values.
        guard: Calls its first argument with the others and keeps the exceptions: one that left an audit hook
            would stop the caller.
    """

    def __init__(self, files: FileWatch, inspection: InspectionWatch, guard: Callable[..., None]) -> None:
        self._files = files
        self._inspection = inspection
        self._guard = guard
        self.active = False

    def install(self) -> None:
        """Start to listen; an audit hook stays until the process ends, but can be deaf.

        It hears tens of thousands of events, so it is a plain function: Python looks for an attribute of the
        hook at each of them, which takes three times as long with a method.
        """
        self.active = True
        files, inspection, guard = self._files, self._inspection, self._guard

        def hear(event: str, arguments: tuple[object, ...]) -> None:
            if event == "object.__getattr__":  # most of all
                if arguments[1] in ATTRIBUTES and self.active:
                    frame = sys._getframe().f_back  # noqa: SLF001 - the only way to know who asks
                    guard(inspection.heard, arguments[0], frame)
            elif event in EVENTS and self.active:
                frame = sys._getframe().f_back  # noqa: SLF001 - as above
                guard(files.heard, event, arguments, frame)

        sys.addaudithook(hear)
