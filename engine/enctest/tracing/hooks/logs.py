"""logging: each record that reaches handlers becomes an event of the current span."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

from enctest.tracing.hooks.patching import Patches
from enctest.tracing.recorder import TraceRecorder


def hook(module: ModuleType, recorder: TraceRecorder, patches: Patches) -> None:
    """Instrument the logging module: no handler, so that no configuration can lose it."""

    def make(original: Callable[..., Any]) -> Callable[..., Any]:
        def call_handlers(self: Any, record: Any) -> Any:
            __tracebackhide__ = True
            if not recorder.active:
                return original(self, record)
            _tell(recorder, record)
            telling = recorder.telling
            before, telling.on = telling.on, True
            try:
                return original(self, record)
            finally:
                telling.on = before

        return call_handlers

    patches.wrap(module.Logger, "callHandlers", make)


def _tell(recorder: TraceRecorder, record: Any) -> None:
    try:
        message = record.getMessage()
    except Exception:  # noqa: BLE001 - wrong arguments; the handlers are about to say so themselves
        message = str(record.msg)
    attributes = {
        "log.level": record.levelname,
        "log.logger": record.name,
        "log.message": message,
        "code.file.path": recorder.frames.shown(record.pathname),
        "code.line.number": record.lineno,
    }
    if record.exc_info and record.exc_info[0] is not None:
        attributes["exception.type"] = record.exc_info[0].__qualname__
        attributes["exception.message"] = str(record.exc_info[1])
        attributes["exception.stack"] = recorder.frames.stack(record.exc_info[2])
    recorder.event("log", attributes)
