"""subprocess: from start to the moment the end is noticed."""

from __future__ import annotations

import os
from collections.abc import Callable
from sys import _getframe
from types import FrameType, ModuleType
from typing import Any

from enctest.events import Attributes
from enctest.tracing.hooks import environments
from enctest.tracing.hooks.calls import argument
from enctest.tracing.hooks.patching import Patches
from enctest.tracing.recorder import TraceRecorder
from enctest.tracing.redaction import REDACTED, is_secret
from enctest.tracing.spans import OpenSpan

_SPAN = "_enctest_span"


def hook(module: ModuleType, recorder: TraceRecorder, patches: Patches) -> None:
    """Instrument `subprocess.Popen`, which all its other functions use."""

    def make_start(original: Callable[..., Any]) -> Callable[..., Any]:
        def start(self: Any, *args: Any, **kwargs: Any) -> None:
            __tracebackhide__ = True
            span = _start(recorder, argument(args, kwargs, 0, "args"), _getframe(1))
            recorder.telling.process = span
            try:
                original(self, *args, **kwargs)
            except BaseException as error:
                recorder.fail(span, error)
                raise
            finally:
                recorder.telling.process = None
            if span is not None:
                span.attributes["process.pid"] = self.pid
                vars(self)[_SPAN] = span

        return start

    def make_end(original: Callable[..., Any]) -> Callable[..., Any]:
        def handle_exit(self: Any, *args: Any, **kwargs: Any) -> Any:
            result = original(self, *args, **kwargs)
            end_process(recorder, self, self.returncode)
            return result

        return handle_exit

    environments.hook(recorder, patches)
    patches.wrap(module.Popen, "__init__", make_start)
    patches.wrap(module.Popen, "_handle_exitstatus", make_end)


def hook_asyncio(module: ModuleType, recorder: TraceRecorder, patches: Patches) -> None:
    """Instrument asyncio's transport, which waits for its processes in its own way."""

    def make_end(original: Callable[..., Any]) -> Callable[..., Any]:
        def process_exited(self: Any, returncode: int) -> Any:
            end_process(recorder, self._proc, returncode)
            return original(self, returncode)

        return process_exited

    patches.wrap(module.BaseSubprocessTransport, "_process_exited", make_end)


def end_process(recorder: TraceRecorder, process: Any, code: int | None) -> None:
    """Close the span of a process that ended with `code`."""
    if code is None:
        return
    span = vars(process).pop(_SPAN, None)
    recorder.end(span, "ok" if code == 0 else "error", {"process.exit.code": code})


def _start(recorder: TraceRecorder, command: Any, frame: FrameType) -> OpenSpan | None:
    if not recorder.active:
        return None
    try:
        words = [command] if isinstance(command, (str, bytes, os.PathLike)) else list(command)
        shown = _without_secrets([os.fsdecode(word) for word in words])
    except (TypeError, ValueError):
        return None
    name = os.path.basename(shown[0].split(None, 1)[0]) if shown and shown[0].split() else "process"
    attributes: Attributes = {"process.command_args": shown, "process.executable.name": name}
    recorder.call_site(frame, attributes)
    return recorder.start(name, "internal", attributes, current=False)


def _without_secrets(words: list[str]) -> list[str]:
    """Leave out what follows an option such as `--password`."""
    return [
        REDACTED if index and words[index - 1].startswith("-") and is_secret(words[index - 1]) else word
        for index, word in enumerate(words)
    ]
