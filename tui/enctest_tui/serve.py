"""`enctest-tui serve`: the same app in a browser. textual-serve does it; this guards its door.

Each tab is a front end of the one explorer of the project, which this process keeps alive between tabs.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import sys
from collections.abc import Sequence

from aiohttp import web
from textual_serve.app_service import AppService
from textual_serve.server import Server

from enctest.errors import EnctestError
from enctest.explorer.client import Feed
from enctest_tui.guard import Guard, Handler
from enctest_tui.link import Link
from enctest_tui.ports import HOST, holder, is_free, next_free

_HEARTBEAT = 15.0
_LARGEST = 100_000
"""Characters of one message from a page: keys, and what is pasted."""
_CELLS = (20, 500)
_FOCUS = """<script>
  const focus = () => document.querySelector(".xterm-helper-textarea")?.focus();
  new MutationObserver(focus).observe(document.body, { attributes: true });
  window.addEventListener("focus", focus);
</script>"""


def serve(link: Link, port: int) -> int:
    """Serve until interrupted; returns the exit code.

    Raises:
        EnctestError: The port is taken, or the explorer did not start.
    """
    if not is_free(port):
        raise _taken(port)
    logging.getLogger("textual-serve").addHandler(logging.StreamHandler(sys.stderr))
    return asyncio.run(Dashboard(link, port).run())


def _taken(port: int) -> EnctestError:
    who, other = holder(port), next_free(port)
    hint = f"Take the next one: enctest-tui serve --port {other}" if other else "Name another one: --port"
    return EnctestError(f"port {port} of {HOST} is taken" + (f" by {who}" if who else ""), hint)


class Dashboard(Server):
    """textual-serve's server, for one project, with a guard.

    Args:
        link: The way to the explorer.
        port: Of 127.0.0.1.
    """

    def __init__(self, link: Link, port: int) -> None:
        super().__init__("enctest-tui", host=HOST, port=port, title=f"enctest: {link.project.root.name}")
        self._link = link
        self._guard = Guard(f"{HOST}:{port}", _say, lambda url: _say(f"another browser: {url}"))

    async def run(self) -> int:
        """Serve until SIGINT or SIGTERM, or until the explorer is gone."""
        loop = asyncio.get_running_loop()
        done = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, done.set)
        feed = await self._link.open()
        runner = web.AppRunner(await self._make_app(), handle_signals=False, shutdown_timeout=2.0)
        await runner.setup()
        try:
            await self._listen(runner)
            _say(f"the tests of {self._link.project.root} are at {self._guard.link}")
            _say("the link lets one browser in; Ctrl+C ends it")
            waiting = {asyncio.create_task(_keep(feed)), asyncio.create_task(done.wait())}
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await runner.cleanup()
            await feed.close()
        if not done.is_set():
            raise EnctestError(feed.closed, "Start it again: enctest-tui serve")
        return 0

    async def _listen(self, runner: web.AppRunner) -> None:
        try:
            await web.TCPSite(runner, HOST, self.port).start()
        except OSError:  # somebody was quicker
            raise _taken(self.port) from None

    async def _make_app(self) -> web.Application:
        app = await super()._make_app()
        guard = self._guard

        @web.middleware
        async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
            return await guard.middleware(request, handler)

        async def seal(_request: web.Request, response: web.StreamResponse) -> None:
            guard.seal(response)

        app.middlewares.append(check)
        app.on_response_prepare.append(seal)
        return app

    async def on_startup(self, app: web.Application) -> None:
        """Say nothing: there is more to say than textual-serve would."""

    async def handle_index(self, request: web.Request) -> web.StreamResponse:
        """Return the page, which gives the keyboard to the app at once, and again whenever it is shown."""
        response = await super().handle_index(request)
        if isinstance(response, web.Response) and response.text is not None:
            response.text = response.text.replace("</body>", f"{_FOCUS}</body>")
        return response

    async def handle_websocket(self, request: web.Request) -> web.WebSocketResponse:
        """Run an app for a tab. As textual-serve does it, but for how the process is started."""
        websocket = web.WebSocketResponse(heartbeat=_HEARTBEAT, max_msg_size=_LARGEST)
        await websocket.prepare(request)
        service = _Tab(
            self._command(),
            write_bytes=websocket.send_bytes,
            write_str=websocket.send_str,
            close=websocket.close,
            download_manager=self.download_manager,
        )
        try:
            await service.start(*(_cells(request.query.get(side, "")) for side in ("width", "height")))
            with contextlib.suppress(ConnectionError, ValueError, KeyError, TypeError, AssertionError):
                await self._process_messages(websocket, service)  # nonsense from a page ends its tab
        finally:
            await service.stop()
        return websocket

    def _command(self) -> list[str]:
        return [sys.executable, "-P", "-m", "enctest_tui.main", *self._link.words]


class _Tab(AppService):
    """The app of one tab, started without a shell."""

    def __init__(self, argv: Sequence[str], **more: object) -> None:
        super().__init__("enctest-tui", **more)  # type: ignore[arg-type]  # as they came
        self._argv = argv

    async def _open_app_process(self, width: int = 80, height: int = 24) -> asyncio.subprocess.Process:
        environment = self._build_environment(width=width, height=height)
        self._process = await asyncio.create_subprocess_exec(
            *self._argv,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=environment,
        )
        self._stdin = self._process.stdin
        return self._process


async def _keep(feed: Feed) -> None:
    """Read what the explorer tells, so that it lives on between tabs; return when it is gone."""
    while True:
        await feed.wait()
        if not feed.drain() and feed.closed:
            return


def _cells(text: str) -> int:
    least, most = _CELLS
    return min(max(int(text), least), most) if text.isascii() and text.isdigit() else 80


def _say(text: str) -> None:
    print(f"enctest: {text}", flush=True)
