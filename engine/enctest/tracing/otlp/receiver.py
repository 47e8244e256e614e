"""Receives OTLP over HTTP on the loopback interface, for the processes that tests start.

A thread of its own with bare sockets: tests may patch, count or forbid `threading` and `socket`. It is away
while the process forks.
"""

from __future__ import annotations

import _socket
import _thread
import hmac
import os
import secrets
import select
import time
import weakref
from collections.abc import Callable
from typing import Any, Final

from enctest.tracing.otlp import incoming
from enctest.tracing.otlp.inbox import Inbox
from enctest.tracing.otlp.protobuf import MalformedError
from enctest.tracing.otlp.requests import BadRequestError, Reader, Request, unpacked

TOKEN: Final = "x-enctest-token"  # noqa: S105 - a header's name
_CONNECTIONS: Final = 32
_READ: Final = 256 * 1024
_IDLE: Final = 0.25  # seconds between two looks at what waits
_SETTLE: Final = 0.25  # seconds that a test's end waits for what has arrived already
_LOOPBACK: Final = ("127.0.0.1", "localhost")


class Receiver:
    """Listens as soon as a process is started that may want to send something.

    Args:
        inbox: Takes what comes.
        complain: Gets an error of our own, which the application is not to notice.
    """

    def __init__(self, inbox: Inbox, complain: Callable[[str, Exception], None]) -> None:
        self.inbox = inbox
        self._complain = complain
        self._listener: _socket.socket | None = None
        self._port = 0
        self._token = ""
        self._connections: dict[int, _Connection] = {}
        self._wake = (-1, -1)
        self._stopping = True
        self._thread = 0
        self._gone = _thread.allocate_lock()
        self._settled = _thread.allocate_lock()
        self._used = False
        _watch_forks(weakref.ref(self))

    def address(self, mark: str) -> dict[str, str]:
        """Return the variables that tell an exporter where to send; begin to listen if need be.

        Raises:
            OSError: There is no loopback interface.
        """
        if self._listener is None:
            self._listen()
        self._used = True
        return {
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{self._port}",
            "OTEL_EXPORTER_OTLP_HEADERS": f"{TOKEN}={self._token}.{mark}",
            "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
            # Exporters wait five seconds before they send, unless told otherwise.
            "OTEL_BSP_SCHEDULE_DELAY": "100",
            "OTEL_BLRP_SCHEDULE_DELAY": "100",
        }

    def settle(self) -> None:
        """Wait until all that has arrived is taken, for a moment at most; then nothing waits for a parent."""
        if not self._used:
            return
        self._used = bool(self._connections)  # a server that goes on may send in the next test as well
        if not self._stopping and self._settled.acquire(timeout=_SETTLE):
            self._poke()  # the thread releases it once it finds nothing more to read
            if self._settled.acquire(timeout=_SETTLE):
                self._settled.release()
        self.inbox.close_test()

    def close(self) -> None:
        """Stop listening."""
        self._pause()
        self._abandon()

    # --- the thread ---------------------------------------------------------------------------------------

    def _listen(self) -> None:
        listener = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM | getattr(_socket, "SOCK_CLOEXEC", 0))
        listener.bind(("127.0.0.1", 0))
        listener.listen(_CONNECTIONS)
        listener.setblocking(False)
        self._listener, self._port = listener, listener.getsockname()[1]
        self._token = secrets.token_urlsafe(24)
        self._wake = os.pipe()
        for end in self._wake:
            os.set_blocking(end, False)
        self._resume()

    def _resume(self) -> None:
        if self._listener is None or not self._stopping:
            return
        self._stopping = False
        self._gone.acquire(blocking=False)
        _thread.start_new_thread(self._loop, ())

    def _pause(self) -> None:
        if self._stopping:
            return
        self._stopping = True
        self._poke()
        with self._gone:
            pass
        _wait_for_exit(self._thread)

    def _poke(self) -> None:
        os.write(self._wake[1], b"!")

    def _loop(self) -> None:
        self._thread = _thread.get_native_id()
        try:
            while not self._stopping:
                self._turn()
        except Exception as error:  # noqa: BLE001 - a thread of ours must not end with a traceback in a test
            self._complain("the receiver of spans", error)
            self._stopping = True
        finally:
            if self._settled.locked():
                self._settled.release()
            self._gone.release()

    def _turn(self) -> None:
        """Serve whatever is ready; say that all is settled if nothing is."""
        poller = select.poll()
        poller.register(self._wake[0], select.POLLIN)
        if self._listener is not None and len(self._connections) < _CONNECTIONS:
            poller.register(self._listener, select.POLLIN)
        for number, connection in self._connections.items():
            poller.register(number, select.POLLOUT if connection.answers else select.POLLIN)
        settling = self._settled.locked()
        ready = dict(poller.poll(0 if settling else _IDLE * 1000))
        if ready.pop(self._wake[0], 0):
            os.read(self._wake[0], 1024)
        if not ready:
            self.inbox.take_spans((), "")  # those that have waited long enough for their parents
            if settling:
                self._settled.release()
            return
        if self._listener is not None and self._listener.fileno() in ready:
            self._accept()
        for number in ready.keys() & self._connections.keys():
            if not self._connections[number].serve():
                self._connections.pop(number).close()

    def _accept(self) -> None:
        try:
            descriptor, _ = self._listener._accept()  # type: ignore[union-attr]  # noqa: SLF001 - `socket` is patched by some
        except OSError:
            return
        made = _socket.socket(fileno=descriptor)
        made.setblocking(False)
        self._connections[descriptor] = _Connection(made, self._admit, self._answer)

    # --- requests -----------------------------------------------------------------------------------------

    def _admit(self, request: Request) -> None:
        token, _, _ = request.headers.get(TOKEN, "").partition(".")
        host = request.headers.get("host", "").rpartition(":")[0] or request.headers.get("host", "")
        if host not in _LOOPBACK or not hmac.compare_digest(token.encode(), self._token.encode()):
            raise BadRequestError("401 Unauthorized")
        if request.method != "POST":
            raise BadRequestError("405 Method Not Allowed")

    def _answer(self, request: Request) -> bytes:
        """Take what a request brings; return the answer."""
        mark = request.headers[TOKEN].partition(".")[2]
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind not in ("application/json", "application/x-protobuf"):
            raise BadRequestError("415 Unsupported Media Type")
        is_json = kind == "application/json"
        path = request.path.partition("?")[0].rstrip("/")
        try:
            if path == "/v1/traces":
                found = incoming.read(unpacked(request), "Traces", is_json=is_json)
                self.inbox.take_spans(list(incoming.spans(found)), mark)
            elif path == "/v1/logs":
                found = incoming.read(unpacked(request), "Logs", is_json=is_json)
                self.inbox.take_logs(list(incoming.logs(found)), mark)
            elif path != "/v1/metrics":  # those are taken and dropped
                raise BadRequestError("404 Not Found")
        except MalformedError as error:
            raise BadRequestError("400 Bad Request") from error
        return _response("200 OK", b"{}" if is_json else b"", kind, keep=request.keeps_alive)

    # --- forks --------------------------------------------------------------------------------------------

    def _abandon(self) -> None:
        """Close everything, in a copy of the process as well."""
        if self._listener is None:
            return
        for connection in self._connections.values():
            connection.close()
        self._connections = {}
        self._listener.close()
        self._listener = None
        for end in self._wake:
            os.close(end)
        self._stopping = True
        self._gone, self._settled = _thread.allocate_lock(), _thread.allocate_lock()
        self._used = False


class _Connection:
    """One exporter's connection.

    Args:
        connection: Does not block.
        admit: As `Reader` takes it.
        answer: Returns the response to a request.
    """

    def __init__(
        self,
        connection: _socket.socket,
        admit: Callable[[Request], None],
        answer: Callable[[Request], bytes],
    ) -> None:
        self._connection = connection
        self._reader = Reader(admit)
        self._respond = answer
        self._ending = False
        self.answers = b""
        """What is still to be sent."""

    def serve(self) -> bool:
        """Read or write what is possible now; return whether the connection goes on."""
        try:
            if self.answers:
                self.answers = self.answers[self._connection.send(self.answers) :]
                return bool(self.answers) or not self._ending
            data = self._connection.recv(_READ)
        except (BlockingIOError, InterruptedError):
            return True
        except OSError:
            return False
        return bool(data) and self._take(data)

    def close(self) -> None:
        self._connection.close()

    def _take(self, data: bytes) -> bool:
        try:
            request = self._reader.feed(data)
            while request is not None:
                self.answers += self._respond(request)
                self._ending = not request.keeps_alive
                request = None if self._ending else self._reader.feed(b"")
            if self._reader.wants_go_ahead:
                self._reader.wants_go_ahead = False
                self.answers += b"HTTP/1.1 100 Continue\r\n\r\n" if not self.answers else b""
        except BadRequestError as error:
            self.answers += _response(error.status, b"", "text/plain", keep=False)
            self._ending = True
        return True


def _response(status: str, body: bytes, kind: str, *, keep: bool) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {kind}", f"Content-Length: {len(body)}"]
    lines.append(f"Connection: {'keep-alive' if keep else 'close'}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def _wait_for_exit(thread: int, patience: float = 0.5, _clock: Callable[[], float] = time.monotonic) -> None:
    """Wait until a thread that has ended is not in the kernel's list any more, which takes microseconds."""
    deadline = _clock() + patience
    while os.path.exists(f"/proc/self/task/{thread}") and _clock() < deadline:
        os.sched_yield()


def _watch_forks(reference: weakref.ref[Any]) -> None:
    def call(name: str) -> Callable[[], None]:
        def run() -> None:
            receiver = reference()
            if receiver is not None:
                getattr(receiver, name)()

        return run

    os.register_at_fork(
        before=call("_pause"), after_in_parent=call("_resume"), after_in_child=call("_abandon")
    )
