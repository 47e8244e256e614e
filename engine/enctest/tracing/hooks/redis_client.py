"""Redis and Valkey, whose clients are alike: commands, pipelines and transactions, sync and async."""

from __future__ import annotations

from types import FrameType, ModuleType
from typing import Any, Final

from enctest.events import Attributes
from enctest.tracing.hooks.calls import Begin, Calls
from enctest.tracing.hooks.patching import Patches
from enctest.tracing.recorder import TraceRecorder
from enctest.tracing.redaction import REDACTED
from enctest.tracing.spans import OpenSpan
from enctest.tracing.values import shorten, show

_WORDS: Final = 20
"""Words of a command that are shown."""
_COMMANDS: Final = 50
"""Commands of a pipeline that are shown."""
_WORD: Final = 200
_SECRETIVE: Final = frozenset({"AUTH", "HELLO", "ACL", "CONFIG", "MIGRATE"})
"""Commands whose arguments may be passwords."""


def hook(module: ModuleType, recorder: TraceRecorder, patches: Patches) -> None:
    """Instrument `redis.client` or `valkey.client`."""
    _patch(module, recorder, patches, asynchronous=False)


def hook_async(module: ModuleType, recorder: TraceRecorder, patches: Patches) -> None:
    """Instrument `redis.asyncio.client` or `valkey.asyncio.client`."""
    _patch(module, recorder, patches, asynchronous=True)


def _patch(module: Any, recorder: TraceRecorder, patches: Patches, *, asynchronous: bool) -> None:
    system = module.__name__.partition(".")[0]
    spans = _Spans(recorder, system)
    one, many = spans.calls(spans.command), spans.calls(spans.pipeline)
    client = getattr(module, system.capitalize(), None)
    for owner, name, calls in (
        (client, "execute_command", one),
        (module.Pipeline, "immediate_execute_command", one),
        (module.Pipeline, "execute", many),
    ):
        if owner is not None:
            patches.wrap(owner, name, calls.coroutine if asynchronous else calls.sync)


class _Spans:
    """Opens the spans of one client library's calls."""

    def __init__(self, recorder: TraceRecorder, system: str) -> None:
        self._recorder = recorder
        self._system = system

    def calls(self, begin: Begin) -> Calls:
        return Calls(self._recorder, self._system, begin, self._done)

    def _done(self, _client: Any, span: OpenSpan, _result: Any) -> None:
        self._recorder.end(span, "ok")

    def command(
        self, client: Any, args: tuple[Any, ...], _kwargs: dict[str, Any], frame: FrameType
    ) -> OpenSpan | None:
        attributes = self._common(client, frame)
        text = command_text(args)
        operation = text.partition(" ")[0]
        attributes |= {"db.operation.name": operation, "db.query.text": text}
        return self._recorder.start(operation, "db", attributes)

    def pipeline(
        self, pipeline: Any, _args: tuple[Any, ...], _kwargs: dict[str, Any], frame: FrameType
    ) -> OpenSpan | None:
        stack = pipeline.command_stack
        if not stack:
            return None
        operation = "MULTI" if _is_transaction(pipeline) else "PIPELINE"
        lines = [command_text(_words(command)) for command in stack[:_COMMANDS]]
        if len(stack) > _COMMANDS:
            lines.append(f"… ({len(stack) - _COMMANDS} more)")
        attributes = self._common(pipeline, frame)
        attributes |= {
            "db.operation.name": operation,
            "db.operation.batch.size": len(stack),
            "db.query.text": "\n".join(lines),
        }
        return self._recorder.start(f"{operation} {len(stack)} commands", "db", attributes)

    def _common(self, client: Any, frame: FrameType) -> Attributes:
        given = getattr(client.connection_pool, "connection_kwargs", {})
        attributes: Attributes = {"db.system.name": self._system, "db.namespace": str(given.get("db") or 0)}
        if given.get("path"):
            attributes["server.address"] = str(given["path"])
        elif given.get("host"):
            attributes["server.address"] = str(given["host"])
            attributes["server.port"] = int(given.get("port") or 0)
        self._recorder.call_site(frame, attributes)
        return attributes


def _is_transaction(pipeline: Any) -> bool:
    """Tell by what the clients' versions call it."""
    names = ("transaction", "is_transaction", "explicit_transaction")
    return any(getattr(pipeline, name, None) is True for name in names)


def _words(command: Any) -> tuple[Any, ...]:
    """Return a queued command's words: of a tuple of them and options, or of an object that has them."""
    words = command[0] if isinstance(command, tuple) else getattr(command, "args", ())
    return tuple(words)


def command_text(words: tuple[Any, ...]) -> str:
    """Return a command as one would type it, long words and passwords left out."""
    if not words:
        return ""
    name = _word(words[0]).upper()
    if name.partition(" ")[0] in _SECRETIVE and len(words) > 1:
        return f"{name} {REDACTED}"
    shown = [_word(word) for word in words[1:_WORDS]]
    if len(words) > _WORDS:
        shown.append(f"… ({len(words) - _WORDS} more)")
    return " ".join([name, *shown])


def _word(word: Any) -> str:
    if isinstance(word, bytes):
        word = word[: _WORD * 4].decode("utf-8", "backslashreplace")
    return shorten(word if isinstance(word, str) else show(word), _WORD)
