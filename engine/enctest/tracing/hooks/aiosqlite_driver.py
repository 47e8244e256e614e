"""aiosqlite: its thread runs sqlite3 for a task; what it does belongs to where the task waits for it."""

from __future__ import annotations

from collections.abc import Callable
from sys import _getframe
from types import ModuleType
from typing import Any

from enctest.tracing.hooks.patching import Patches, transparent
from enctest.tracing.recorder import TraceRecorder
from enctest.tracing.spans import CURRENT


def hook(module: ModuleType, recorder: TraceRecorder, patches: Patches) -> None:
    """Instrument `aiosqlite.core`: spans of sqlite3's, with the task's span above them and its call site."""

    def make(original: Callable[..., Any]) -> Callable[..., Any]:
        async def execute(self: Any, fn: Any, *args: Any, **kwargs: Any) -> Any:
            __tracebackhide__ = True
            if not recorder.active:
                return await original(self, fn, *args, **kwargs)
            span, site = recorder.here(), recorder.frames.call_site(_getframe(1))

            def run(*args: Any, **kwargs: Any) -> Any:
                __tracebackhide__ = True
                token = CURRENT.set(span)
                recorder.frames.elsewhere.site = site
                try:
                    return fn(*args, **kwargs)
                finally:
                    recorder.frames.elsewhere.site = None
                    CURRENT.reset(token)

            return await original(self, transparent(run), *args, **kwargs)

        return execute

    patches.wrap(module.Connection, "_execute", make)
