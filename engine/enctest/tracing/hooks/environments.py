"""The environment of processes that tests start tells where to send spans, and which span is their parent."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any, Final

from enctest.tracing.hooks.patching import Patches
from enctest.tracing.recorder import TraceRecorder

_VARIABLES: Final = 5  # place of the environment among the arguments of `fork_exec`
_DECIDED: Final = (
    b"OTEL_EXPORTER_OTLP_ENDPOINT",
    b"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    b"OTEL_SDK_DISABLED",
    b"TRACEPARENT",
)
"""One of these says that somebody else has decided where spans go."""


def hook(recorder: TraceRecorder, patches: Patches) -> None:
    """Add variables where a process is about to be started, below all that tests patch or listen to."""
    try:
        import _posixsubprocess
    except ImportError:  # not on this system
        return

    def make(original: Callable[..., Any]) -> Callable[..., Any]:
        def fork_exec(*args: Any) -> Any:
            __tracebackhide__ = True
            if recorder.active and recorder.variables is not None and len(args) > _VARIABLES:
                added = _added(recorder, args[_VARIABLES])
                if added is not None:
                    args = (*args[:_VARIABLES], added, *args[_VARIABLES + 1 :])
            return original(*args)

        return fork_exec

    if hasattr(os, "posix_spawn"):  # by which `subprocess` starts some processes from Python 3.13 on
        patches.wrap(os, "posix_spawn", _spawn(recorder))
    patches.wrap(_posixsubprocess, "fork_exec", make)
    patches.share(sys.modules.get("subprocess"), "_fork_exec", _posixsubprocess, "fork_exec")


def _spawn(recorder: TraceRecorder) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def make(original: Callable[..., Any]) -> Callable[..., Any]:
        def posix_spawn(path: Any, argv: Any, env: Any, /, *args: Any, **kwargs: Any) -> Any:
            __tracebackhide__ = True
            if recorder.active and recorder.variables is not None:
                given = None if env is None or env is os.environ else _entries(env)
                added = _added(recorder, given)
                if added is not None:
                    env = dict(entry.partition(b"=")[::2] for entry in added)
            return original(path, argv, env, *args, **kwargs)

        return posix_spawn

    return make


def _entries(env: Any) -> list[bytes]:
    return [os.fsencode(name) + b"=" + os.fsencode(value) for name, value in dict(env).items()]


def _added(recorder: TraceRecorder, given: Any) -> list[bytes] | None:
    """Return the environment with what is to be added; None where it is left as it is.

    An environment that a test made from nothing is left alone: it may be what the test is about.
    """
    if given is None:
        data = getattr(os.environ, "_data", None)
        if not isinstance(data, dict):
            return None
        # Past what listens: that a process gets the variables is known without.
        entries = [name + b"=" + value for name, value in dict.items(data)]
    else:
        entries = [os.fsencode(entry) for entry in given]
    names = {entry.partition(b"=")[0] for entry in entries}
    if b"PATH" not in names or not names.isdisjoint(_DECIDED):
        return None
    span = recorder.telling.process or recorder.here()
    if span is None or recorder.variables is None:
        return None
    try:
        variables = recorder.variables(span)
    except OSError as error:  # no loopback interface
        recorder.complain("other processes", error)
        return None
    return [*entries, *(os.fsencode(f"{name}={value}") for name, value in variables.items())]
