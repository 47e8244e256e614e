"""An editor's end of a debugger: the Debug Adapter Protocol, as much of it as the tests need."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.harness import PATIENCE, wait_until

Message = dict[str, Any]


class Client:
    """Attached to debugpy.

    Args:
        port: Where it listens on 127.0.0.1; waited for.
    """

    def __init__(self, port: int) -> None:
        self._socket: socket.socket = wait_until(f"debugpy listens on {port}", lambda: _connect(port))
        self._stream = self._socket.makefile("rb")
        self._messages: list[Message] = []
        self._taken: set[int] = set()
        self._number = 0
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def attach(self, breakpoints: Mapping[Path, list[int]]) -> None:
        """Do what editors do at the start, and let the program go on."""
        self.ask("initialize", adapterID="tests", clientID="tests", linesStartAt1=True, pathFormat="path")
        attached = self._send("attach", {"justMyCode": False})
        self.event("initialized")
        for path, lines in breakpoints.items():
            told = self.ask(
                "setBreakpoints", source={"path": str(path)}, breakpoints=[{"line": line} for line in lines]
            )
            assert all(each["verified"] for each in told["breakpoints"])
        self.ask("setExceptionBreakpoints", filters=[])
        self.ask("configurationDone")
        self._answer(attached)

    def stop(self) -> Stop:
        """Wait until the program stops, and say where."""
        body = self.event("stopped")["body"]
        frames = self.ask("stackTrace", threadId=body["threadId"])["stackFrames"]
        return Stop(self, body["threadId"], body["reason"], frames)

    def ask(self, command: str, **arguments: object) -> Message:
        """Send a request; return the body of its answer."""
        return self._answer(self._send(command, arguments))

    def event(self, name: str) -> Message:
        """Wait for the next event of this kind."""
        return self._wait(name, lambda message: message.get("event") == name)

    def disconnect(self) -> None:
        """Leave, and let the program go on."""
        self.ask("disconnect", terminateDebuggee=False)
        self.close()

    def close(self) -> None:
        """Hang up."""
        with contextlib.suppress(OSError):  # the other end was faster
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(PATIENCE)
        self._stream.close()

    def _answer(self, number: int) -> Message:
        answer = self._wait(f"an answer to {number}", lambda each: each.get("request_seq") == number)
        assert answer["success"], answer
        body: Message = answer.get("body") or {}
        return body

    def _send(self, command: str, arguments: object) -> int:
        self._number += 1
        message = {"seq": self._number, "type": "request", "command": command, "arguments": arguments}
        data = json.dumps(message).encode()
        self._socket.sendall(b"Content-Length: %d\r\n\r\n%s" % (len(data), data))
        return self._number

    def _wait(self, what: str, wanted: Any) -> Message:
        def find() -> Message | None:
            for at, message in enumerate(self._messages):
                if at not in self._taken and wanted(message):
                    self._taken.add(at)
                    return message
            return None

        found: Message = wait_until(what, find)
        return found

    def _read(self) -> None:
        try:
            while head := self._stream.readline():
                while self._stream.readline().strip():
                    pass
                self._messages.append(json.loads(self._stream.read(int(head.partition(b":")[2]))))
        except (OSError, ValueError):
            pass  # hung up


class Stop:
    """A place where the program stands."""

    def __init__(self, client: Client, thread: int, reason: str, frames: list[Message]) -> None:
        self.reason = reason
        self.name: str = frames[0]["name"]
        self.line: int = frames[0]["line"]
        self.frames = frames
        self._client = client
        self._thread = thread

    def value(self, expression: str) -> str:
        """Return what an expression is there."""
        answer = self._client.ask("evaluate", expression=expression, frameId=self.frames[0]["id"])
        return str(answer["result"])

    def set(self, name: str, value: str) -> None:
        """Give a local variable another value."""
        scopes = self._client.ask("scopes", frameId=self.frames[0]["id"])["scopes"]
        local = next(scope for scope in scopes if scope["name"] == "Locals")
        self._client.ask(
            "setVariable", variablesReference=local["variablesReference"], name=name, value=value
        )

    def go_on(self) -> None:
        """Let the program go on."""
        self._client.ask("continue", threadId=self._thread)


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody uses at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _connect(port: int) -> socket.socket | None:
    try:
        return socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
    except ConnectionRefusedError:
        return None
