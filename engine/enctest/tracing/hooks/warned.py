"""warnings: each that is shown or caught becomes an event where it was given."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

from enctest.tracing.hooks.patching import Patches
from enctest.tracing.recorder import TraceRecorder


def hook(module: ModuleType, recorder: TraceRecorder, patches: Patches) -> None:
    """Instrument the one way by which warnings leave, whoever catches them."""

    def make(original: Callable[..., Any]) -> Callable[..., Any]:
        def show(message: Any) -> Any:
            __tracebackhide__ = True
            if not recorder.active:
                return original(message)
            _tell(recorder, message)
            telling = recorder.telling
            before, telling.on = telling.on, True
            try:
                return original(message)
            finally:
                telling.on = before

        return show

    patches.wrap(module, "_showwarnmsg", make)


def _tell(recorder: TraceRecorder, warning: Any) -> None:
    try:
        text = str(warning.message)
    except Exception as error:  # noqa: BLE001 - the application's own __str__ may raise anything
        text = f"<no message: {type(error).__name__}>"
    recorder.event(
        "warning",
        {
            "warning.category": warning.category.__qualname__,
            "warning.message": text,
            "code.file.path": recorder.frames.shown(str(warning.filename)),
            "code.line.number": int(warning.lineno),
        },
    )
