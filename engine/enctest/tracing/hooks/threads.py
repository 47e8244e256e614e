"""Threads: what one does belongs to the span in which it was started, or its work was handed in."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any, Final

from enctest.tracing.hooks.patching import Patches
from enctest.tracing.recorder import TraceRecorder
from enctest.tracing.spans import CURRENT

_PARENT: Final = "_enctest_parent"


def hook(module: ModuleType, recorder: TraceRecorder, patches: Patches) -> None:
    """Instrument `threading.Thread`."""

    def make_start(original: Callable[..., Any]) -> Callable[..., Any]:
        def start(self: Any) -> None:
            __tracebackhide__ = True
            if recorder.active:
                vars(self)[_PARENT] = recorder.here()
            original(self)

        return start

    def make_run(original: Callable[..., Any]) -> Callable[..., Any]:
        def bootstrap_inner(self: Any) -> Any:
            parent = vars(self).pop(_PARENT, None)
            if parent is not None:
                CURRENT.set(parent)
            return original(self)

        return bootstrap_inner

    patches.wrap(module.Thread, "start", make_start)
    patches.wrap(module.Thread, "_bootstrap_inner", make_run)


def hook_pools(module: ModuleType, recorder: TraceRecorder, patches: Patches) -> None:
    """Instrument what `ThreadPoolExecutor` queues; its threads serve one caller after the other."""

    def make_item(original: Callable[..., Any]) -> Callable[..., Any]:
        def init(self: Any, *args: Any, **kwargs: Any) -> None:
            original(self, *args, **kwargs)
            if recorder.active:
                vars(self)[_PARENT] = recorder.here()

        return init

    def make_run(original: Callable[..., Any]) -> Callable[..., Any]:
        def run(self: Any, *args: Any) -> Any:
            __tracebackhide__ = True
            parent = vars(self).pop(_PARENT, None)
            if parent is None:
                return original(self, *args)
            token = CURRENT.set(parent)
            try:
                return original(self, *args)
            finally:
                CURRENT.reset(token)

        return run

    patches.wrap(module._WorkItem, "__init__", make_item)  # noqa: SLF001 - the task itself must stay the caller's
    patches.wrap(module._WorkItem, "run", make_run)  # noqa: SLF001 - as above
