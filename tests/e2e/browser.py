"""A real browser without a window, driven through its DevTools socket."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
from tests.harness import PATIENCE

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_KEYS = {"Enter": 13, "Escape": 27}


def find() -> str:
    """Return a browser's path; empty when there is none."""
    return next((path for name in NAMES if (path := shutil.which(name))), "")


class Page:
    """A tab.

    Args:
        socket: Its DevTools socket.
    """

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._number = 0

    async def call(self, method: str, **params: object) -> dict[str, Any]:
        """Call a DevTools method; what comes meanwhile is passed over."""
        self._number += 1
        await self._socket.send_json({"id": self._number, "method": method, "params": params})
        while True:
            answer = await self._socket.receive_json(timeout=PATIENCE)
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                result: dict[str, Any] = answer["result"]
                return result

    async def evaluate(self, script: str) -> Any:
        """Return the value of an expression, awaited if it is a promise."""
        found = await self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    async def until(self, script: str) -> Any:
        """Wait until an expression is true; the page may still be on its way."""
        loop = asyncio.get_running_loop()
        end = loop.time() + PATIENCE
        while loop.time() < end:
            with contextlib.suppress(AssertionError):  # the page has just been left for another
                if found := await self.evaluate(script):
                    return found
            await asyncio.sleep(0.02)
        raise AssertionError(f"waited in vain: {script}")

    async def press(self, key: str) -> None:
        """Press a key: a character, or a name of `_KEYS`."""
        code = _KEYS.get(key, ord(key[0].upper()))
        about = {"key": key, "windowsVirtualKeyCode": code, **({} if key in _KEYS else {"text": key})}
        await self.call("Input.dispatchKeyEvent", type="keyDown", **about)
        await self.call("Input.dispatchKeyEvent", type="keyUp", **about)


class Browser:
    """A running browser.

    Args:
        session: For talking to it.
        address: Of its DevTools.
    """

    def __init__(self, session: aiohttp.ClientSession, address: str) -> None:
        self._session = session
        self._address = address

    async def open(self, url: str) -> Page:
        """Open a page in a new tab."""
        async with self._session.put(f"{self._address}/json/new?{url}") as response:
            target = await response.json()
        socket = await self._session.ws_connect(target["webSocketDebuggerUrl"], max_msg_size=0)
        page = Page(socket)
        await page.call("Emulation.setFocusEmulationEnabled", enabled=True)
        return page


@contextlib.asynccontextmanager
async def browser(folder: Path) -> AsyncIterator[Browser]:
    """Start a browser with a profile of its own in `folder`."""
    process = await asyncio.create_subprocess_exec(
        find(),
        *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"),
        *("--no-first-run", "--remote-debugging-port=0", f"--user-data-dir={folder}", "about:blank"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        ready = folder / "DevToolsActivePort"
        async with asyncio.timeout(PATIENCE):
            while not (ready.exists() and ready.read_text().count("\n")):
                assert process.returncode is None, "the browser has ended"
                await asyncio.sleep(0.02)
        address = f"http://127.0.0.1:{ready.read_text().splitlines()[0]}"
        async with aiohttp.ClientSession() as session:
            yield Browser(session, address)
    finally:
        process.kill()
        await process.wait()
