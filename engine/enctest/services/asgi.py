"""Applications of ASGI as services."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Coroutine, Iterable, Iterator
from typing import Any, Final
from urllib.parse import unquote

from enctest.errors import EnctestError
from enctest.services import loops
from enctest.services.web import HOST, Response, Sent, WebService, joined

_START_SECONDS: Final = 30.0


class AsgiService(WebService):
    """An application of FastAPI, Starlette, Django or another with ASGI; made by `Service.from_asgi`.

    It has an event loop and a thread of its own, from its start (`lifespan` included) to its end.
    """

    def start(self) -> None:
        """Start the application."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=_run, args=(self._loop,), name=f"enctest {type(self).__name__}", daemon=True
        )
        self._thread.start()
        self._lifespan = _Lifespan(type(self).app)
        try:
            self._on_loop(self._lifespan.start()).result(_START_SECONDS)
        except BaseException:  # whatever it is, the thread must not stay
            self._stop()
            raise

    def close(self) -> None:
        """End the application."""
        try:
            self._on_loop(self._lifespan.finish()).result(_START_SECONDS)
        finally:
            self._stop()

    def _ask(self, sent: Sent) -> Response:
        if loops.running() is self._loop:
            raise EnctestError(
                f"{type(self).__name__}.request was called by a coroutine of the application itself",
                "It would wait for itself. Use `await ....arequest(...)` there.",
            )
        answer: Response = self._on_loop(_answer(type(self).app, sent)).result()
        return answer

    async def _aask(self, sent: Sent) -> Response:
        return await asyncio.wrap_future(self._on_loop(_answer(type(self).app, sent)))

    def _on_loop(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def _stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


def _scope(sent: Sent) -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": sent.method,
        "scheme": "http",
        "path": unquote(sent.path),
        "raw_path": sent.path.encode(),
        "root_path": "",
        "query_string": sent.query.encode(),
        "headers": [(name.encode("latin-1"), text.encode("latin-1")) for name, text in sent.headers.items()],
        "client": ("127.0.0.1", 0),
        "server": (HOST, 80),
    }


async def _answer(app: Any, sent: Sent) -> Response:
    ended = asyncio.Event()
    content: list[dict[str, Any]] = [{"type": "http.request", "body": sent.body, "more_body": False}]
    status, headers, parts = 500, {}, []

    async def receive() -> dict[str, Any]:
        if content:
            return content.pop()
        await ended.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        nonlocal status, headers
        if message["type"] == "http.response.start":
            status, headers = message["status"], joined(_texts(message.get("headers", ())))
        elif message["type"] == "http.response.body":
            parts.append(bytes(message.get("body", b"")))
            if not message.get("more_body", False):
                ended.set()

    await app(_scope(sent), receive, send)
    return Response(status, headers, b"".join(parts))


def _texts(pairs: Iterable[tuple[bytes, bytes]]) -> Iterator[tuple[str, str]]:
    for name, text in pairs:
        yield bytes(name).decode("latin-1"), bytes(text).decode("latin-1")


class _Lifespan:
    """The start and the end of an application that has them."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._told: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._answers: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._task = asyncio.ensure_future(self._run())
        self._told.put_nowait({"type": "lifespan.startup"})
        answer = await self._answers.get()
        if answer["type"] == "lifespan.startup.failed":
            raise RuntimeError(answer.get("message") or "the application's start failed")

    async def finish(self) -> None:
        if self._task is None or self._task.done():
            return
        self._told.put_nowait({"type": "lifespan.shutdown"})
        answer = await self._answers.get()
        await self._task
        if answer["type"] == "lifespan.shutdown.failed":
            raise RuntimeError(answer.get("message") or "the application's end failed")

    async def _run(self) -> None:
        scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": {}}
        # One without `lifespan` raises at once, or just returns.
        with contextlib.suppress(Exception):
            await self._app(scope, self._told.get, self._answers.put)
        self._answers.put_nowait({"type": "lifespan.startup.complete"})


def _run(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.run_until_complete(loop.shutdown_default_executor())
