"""Turns calls of library functions into spans: plain, coroutine and generator functions."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Generator, Iterator
from contextlib import asynccontextmanager, contextmanager
from sys import _getframe
from types import FrameType
from typing import Any, TypeVar

from enctest.tracing.hooks.patching import transparent
from enctest.tracing.recorder import TraceRecorder
from enctest.tracing.spans import OpenSpan

Begin = Callable[[Any, tuple[Any, ...], dict[str, Any], FrameType], OpenSpan | None]
"""Opens the span of a call: gets the first argument, the others, keywords and the caller's frame."""
Finish = Callable[[Any, OpenSpan, Any], None]
"""Closes the span of a call that returned: gets the first argument, the span and the result."""
Fail = Callable[[OpenSpan | None, BaseException], None]
T = TypeVar("T")


class Calls:
    """Makes functions that stand in for those of a library; each method takes the original.

    What goes wrong in `begin` and `finish` is told once as a notice, never to the application.

    Args:
        recorder: Where the spans go.
        library: Its name, for that notice.
        begin: Opens a span.
        finish: Closes it after a result; the span is closed in any case.
        fail: Closes it after an exception.
    """

    def __init__(
        self,
        recorder: TraceRecorder,
        library: str,
        begin: Begin,
        finish: Finish | None = None,
        fail: Fail | None = None,
    ) -> None:
        self.recorder = recorder
        self._library = library
        self._begin = begin
        self._finish = finish
        self._fail = fail or recorder.fail

    def begin(
        self, first: Any, args: tuple[Any, ...], kwargs: dict[str, Any], frame: FrameType
    ) -> OpenSpan | None:
        """Open the span of a call, or none if that is not to be or does not work."""
        if not self.recorder.active:
            return None
        try:
            return self._begin(first, args, kwargs, frame)
        except Exception as error:  # noqa: BLE001 - capture must not break what it watches
            self.recorder.complain(self._library, error)
            return None

    def finish(self, first: Any, span: OpenSpan | None, result: Any) -> None:
        """Close the span of a call that returned `result`."""
        if span is None:
            return
        try:
            if self._finish is not None:
                self._finish(first, span, result)
        except Exception as error:  # noqa: BLE001 - as above
            self.recorder.complain(self._library, error)
        self.recorder.end(span)

    def fail(self, span: OpenSpan | None, error: BaseException) -> None:
        """Close the span of a call that raised."""
        if span is None:
            return
        try:
            self._fail(span, error)
        except Exception as broken:  # noqa: BLE001 - as above
            self.recorder.complain(self._library, broken)

    def sync(self, original: Callable[..., Any]) -> Callable[..., Any]:
        """Stand in for a plain function."""

        def call(first: Any, /, *args: Any, **kwargs: Any) -> Any:
            __tracebackhide__ = True
            span = self.begin(first, args, kwargs, _getframe(1))
            if span is None:
                return original(first, *args, **kwargs)
            try:
                result = original(first, *args, **kwargs)
            except BaseException as error:
                self.fail(span, error)
                raise
            self.finish(first, span, result)
            return result

        return call

    def coroutine(self, original: Callable[..., Any]) -> Callable[..., Any]:
        """Stand in for a coroutine function."""

        async def call(first: Any, /, *args: Any, **kwargs: Any) -> Any:
            __tracebackhide__ = True
            span = self.begin(first, args, kwargs, _getframe(1))
            if span is None:
                return await original(first, *args, **kwargs)
            try:
                result = await original(first, *args, **kwargs)
            except BaseException as error:
                self.fail(span, error)
                raise
            self.finish(first, span, result)
            return result

        return call

    def delegating(self, original: Callable[..., Any]) -> Callable[..., Any]:
        """Stand in for a generator function whose generator is driven by `yield from`."""

        def call(first: Any, /, *args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
            __tracebackhide__ = True
            span = self.begin(first, args, kwargs, _getframe(1))
            try:
                result = yield from original(first, *args, **kwargs)
            except BaseException as error:
                self.fail(span, error)
                raise
            self.finish(first, span, result)
            return result

        return call

    def iterator(self, original: Callable[..., Any]) -> Callable[..., Any]:
        """Stand in for a generator function that yields results; the span must not be a current one."""

        def call(first: Any, /, *args: Any, **kwargs: Any) -> Iterator[Any]:
            __tracebackhide__ = True
            span = self.begin(first, args, kwargs, _getframe(1))
            try:
                yield from original(first, *args, **kwargs)
            except BaseException as error:
                self.fail(span, error)
                raise
            self.finish(first, span, None)

        return call

    def async_iterator(self, original: Callable[..., Any]) -> Callable[..., Any]:
        """Stand in for an asynchronous generator function; the span must not be a current one."""

        async def call(first: Any, /, *args: Any, **kwargs: Any) -> AsyncIterator[Any]:
            __tracebackhide__ = True
            span = self.begin(first, args, kwargs, _getframe(1))
            inner = original(first, *args, **kwargs)
            try:
                async for item in inner:
                    yield item
            except BaseException as error:
                self.fail(span, error)
                await inner.aclose()
                raise
            self.finish(first, span, None)

        return call

    def manager(self, original: Callable[..., Any]) -> Callable[..., Any]:
        """Stand in for a function that returns a context manager: the span lasts as long as the block."""

        def call(first: Any, /, *args: Any, **kwargs: Any) -> Iterator[Any]:
            __tracebackhide__ = True
            span = self.begin(first, args, kwargs, _getframe(2))
            try:
                with original(first, *args, **kwargs) as value:
                    yield value
            except BaseException as error:
                self.fail(span, error)
                raise
            self.finish(first, span, None)

        return contextmanager(transparent(call))

    def async_manager(self, original: Callable[..., Any]) -> Callable[..., Any]:
        """Stand in for a function that returns an asynchronous context manager."""

        async def call(first: Any, /, *args: Any, **kwargs: Any) -> AsyncIterator[Any]:
            __tracebackhide__ = True
            span = self.begin(first, args, kwargs, _getframe(2))
            try:
                async with original(first, *args, **kwargs) as value:
                    yield value
            except BaseException as error:
                self.fail(span, error)
                raise
            self.finish(first, span, None)

        return asynccontextmanager(transparent(call))


def argument(args: tuple[Any, ...], kwargs: dict[str, Any], place: int, *names: str) -> Any:
    """Return the argument at `place` (after the first), or given under one of `names`, or None."""
    if len(args) > place:
        return args[place]
    for name in names:
        if name in kwargs:
            return kwargs[name]
    return None
