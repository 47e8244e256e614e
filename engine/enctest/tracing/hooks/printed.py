"""What tests print, line by line, as events of the span they print it in."""

from __future__ import annotations

import io
import sys
from types import ModuleType
from typing import Any, Final

from enctest.tracing.hooks.patching import Patches
from enctest.tracing.recorder import TraceRecorder

_WAITING: Final = 4096
"""Characters of a line without an end that are kept back at most."""


def hook(module: ModuleType, recorder: TraceRecorder, patches: Patches) -> None:
    """Instrument the files that pytest puts in the place of standard output and error while it captures."""

    def write(self: Any, text: str, /) -> int:
        written = io.TextIOWrapper.write(self, text)
        if recorder.active and not recorder.telling.on:
            name = "stdout" if self is sys.stdout else "stderr" if self is sys.stderr else ""
            if name:
                _tell(recorder, name, text)
        return written

    for kind in (module.EncodedFile, module.CaptureIO):
        patches.add(kind, "write", write)


def _tell(recorder: TraceRecorder, name: str, text: str) -> None:
    """Tell whole lines: `print` writes a line and its end one after the other."""
    lines = recorder.unfinished
    text = lines.pop(name, "") + text
    whole, end, rest = text.rpartition("\n")
    if rest:
        if len(rest) < _WAITING:
            lines[name] = rest
        else:
            whole, end = text, "\n"
    if end:
        recorder.printed(name, whole)
