"""The dashboard in a real browser, and what it does with pages and programs that should not see it."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import aiohttp
import pytest
from tests.e2e import browser
from tests.harness import PATIENCE, Sample, explorers_of, processes_of, wait_until

needs_browser = pytest.mark.skipif(not browser.find(), reason="there is no chromium or chrome")
FILES = {
    "test_one.py": """
        import os
        def test_one(): pass
        def test_two(): assert {"TEXTUAL_DRIVER", "TEXTUAL_FPS", "ROWS"}.isdisjoint(os.environ)
    """
}
HAS_SHOWN = "document.body.classList.contains('-first-byte')"


class Server:
    """`enctest-tui serve` on a free port.

    Attributes:
        lines: What it has said so far.
    """

    def __init__(self, sample: Sample) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self.lines: list[str] = []
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "enctest_tui.main", "serve", "--port", str(self.port)],
            cwd=sample.root,
            env=sample.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        wait_until("the link", lambda: "token=" in self.text or self.process.poll() is not None)
        assert self.process.poll() is None, self.text

    @property
    def text(self) -> str:
        """All that it has said."""
        return "".join(self.lines)

    @property
    def link(self) -> str:
        """The newest link."""
        return [word for line in self.lines for word in line.split() if "token=" in word][-1]

    @property
    def address(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}"

    def get(self, path: str, **headers: str) -> tuple[int, str]:
        """Return status and body of a request that no browser makes."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        with contextlib.closing(connection):
            connection.request(
                "GET", path, headers={name.replace("_", "-"): headers[name] for name in headers}
            )
            response = connection.getresponse()
            return response.status, response.read().decode()

    def end(self) -> int:
        """Interrupt it; return the exit code."""
        self.process.send_signal(signal.SIGINT)
        code = self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        return code

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as stream:
            for line in stream:
                self.lines.append(line)


@pytest.fixture
def sample(tmp_path: Path) -> Sample:
    return Sample(tmp_path, FILES)


@pytest.fixture
def server(sample: Sample) -> Iterator[Server]:
    server = Server(sample)
    yield server
    if server.process.poll() is None:
        server.process.kill()
        server.process.wait()


def browse(folder: Path, story: Callable[[browser.Browser], Awaitable[None]]) -> None:
    async def run() -> None:
        async with browser.browser(folder) as found:
            await story(found)

    asyncio.run(run())


@needs_browser
def test_the_tests_are_shown_and_run_in_a_browser(tmp_path: Path, sample: Sample, server: Server) -> None:
    with sample.watch() as watch:  # another front end of the same explorer

        async def story(found: browser.Browser) -> None:
            first = await found.open(server.link)
            await first.until(HAS_SHOWN)
            assert await first.evaluate("location.href") == f"{server.address}/"
            assert await first.evaluate("document.cookie") == ""  # no script can read it
            second = await found.open(f"{server.address}/")
            await second.until(HAS_SHOWN)
            watch.mark()
            await second.press("R")
            await asyncio.to_thread(watch.wait_for, "run_finished")
            assert watch.outcomes() == {
                "test_one.py::test_one": "passed",
                "test_one.py::test_two": "passed",
            }
            await second.press("q")
            await second.until("document.body.classList.contains('-closed')")
            watch.mark()
            await first.press("R")
            await asyncio.to_thread(watch.wait_for, "run_finished")

        browse(tmp_path / "profile", story)
        assert len(explorers_of(sample.runtime)) == 1
        assert server.end() == 0
    assert "Traceback" not in server.text
    wait_until("nothing is left", lambda: not processes_of(sample.runtime))


@needs_browser
def test_another_page_gets_nothing(tmp_path: Path, server: Server) -> None:
    attack = f"""
        <script>
        const told = [];
        window.result = Promise.all([
            fetch("{server.address}/", {{credentials: "include"}}).then(() => "read", () => "refused"),
            fetch("{server.address}/static/js/textual.js", {{mode: "no-cors"}}).then(
                (answer) => answer.type == "opaque" ? "opaque" : "read", () => "refused"),
            new Promise((done) => {{
                const socket = new WebSocket("ws://127.0.0.1:{server.port}/ws?width=80&height=24");
                socket.onopen = () => done("open");
                socket.onerror = () => done("refused");
            }}),
        ]);
        </script>
        <iframe src="{server.address}/"></iframe>
    """

    async def story(found: browser.Browser) -> None:
        ours = await found.open(server.link)
        await ours.until(HAS_SHOWN)
        with _page(attack) as address:
            theirs = await found.open(address)  # of the same host: the browser sends our cookie with it
            await theirs.until("!!window.result")
            fetched, script, opened = await theirs.evaluate("window.result")
            assert (fetched, opened) == ("refused", "refused")
            assert script in {"opaque", "refused"}
            assert f"refused GET /ws: it comes from '{address}'" in server.text
            assert f"refused GET /: it comes from '{address}'" in server.text
            assert "refused GET /: another page asks for it" in server.text  # the frame

    browse(tmp_path / "profile", story)


@contextlib.contextmanager
def _page(text: str) -> Iterator[str]:
    """Serve a page from another port of this host; give its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_only_who_has_the_link_is_let_in_and_once(server: Server) -> None:
    assert server.get("/")[0] == 401
    assert server.get("/?token=wrong")[0] == 403
    link = server.link.removeprefix(server.address)
    assert server.get(link)[0] == 303
    wait_until("another link", lambda: not server.link.endswith(link))
    assert server.get(link)[0] == 403
    assert server.get("/static/js/textual.js")[0] == 401


@pytest.mark.parametrize("host", ["evil.example", "localhost:{port}", "127.0.0.1", "127.0.0.1:1"])
def test_another_host_name_is_refused_and_told(server: Server, host: str) -> None:
    named = host.format(port=server.port)
    assert server.get(server.link.removeprefix(server.address), Host=named)[0] == 403
    wait_until("it is told", lambda: f"host '{named}' is not 127.0.0.1:{server.port}" in server.text)


def test_a_socket_needs_origin_and_session(server: Server) -> None:
    async def tries() -> None:
        async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
            for origin in (
                None,
                "http://evil.example",
                f"http://127.0.0.1:{server.port + 1}",
                server.address,
            ):
                headers = {"Origin": origin} if origin else {}
                with pytest.raises(aiohttp.WSServerHandshakeError):
                    await session.ws_connect(f"{server.address}/ws", headers=headers)
            async with session.get(server.link) as answer:
                assert answer.status == 200
                assert "Content-Security-Policy" in answer.headers
            with pytest.raises(aiohttp.WSServerHandshakeError):
                await session.ws_connect(f"{server.address}/ws", headers={"Origin": "http://evil.example"})
            socket = await session.ws_connect(
                f"{server.address}/ws?width=x", headers={"Origin": server.address}
            )
            assert (await socket.receive(timeout=PATIENCE)).type is aiohttp.WSMsgType.BINARY
            await socket.send_str('{"not": "what it understands"}')
            assert (await _last(socket)).type in {aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED}

    asyncio.run(tries())
    assert server.end() == 0
    assert "Traceback" not in server.text


async def _last(socket: aiohttp.ClientWebSocketResponse) -> aiohttp.WSMessage:
    """Return the message with which a socket ends."""
    while (message := await socket.receive(timeout=PATIENCE)).type is aiohttp.WSMsgType.BINARY:
        pass
    return message


def test_a_port_that_is_taken_is_told_with_who_and_what_next(sample: Sample, server: Server) -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-m", "enctest_tui.main", "serve", "--port", str(server.port)],
        cwd=sample.root,
        env=sample.env,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 4
    assert f"port {server.port} of 127.0.0.1 is taken by" in done.stderr
    assert f"process {server.process.pid}" in done.stderr
    assert "enctest-tui serve --port" in done.stderr


def test_it_serves_on_until_it_is_interrupted_and_leaves_nothing(sample: Sample, server: Server) -> None:
    assert processes_of(sample.runtime)
    assert server.end() == 0
    wait_until("nothing is left", lambda: not processes_of(sample.runtime))
