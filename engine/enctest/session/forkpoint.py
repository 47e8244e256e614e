"""A suspended process that forks on demand: the session host, and every snapshot of a worker.

It waits for commands on a control socket and tells there what becomes of its forks. It dies with the
explorer, and what it forked dies with it.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NoReturn

from enctest.session import forking
from enctest.session.forking import OUTPUTS, nameless_file
from enctest.session.job import (
    HostCommand,
    HostEvent,
    Launch,
    Release,
    Revise,
    Revised,
    WorkerExited,
    WorkerStarted,
)
from enctest.wire import Unpacker, pack

_TAIL = 32 * 1024
_USUAL = 5
"""pytest's exit codes go up to this."""
_DESCRIPTORS = 64
"""Descriptors that may come with one message."""


def fork() -> int:
    """Fork; the child is a process group of its own that dies with its parent."""
    parent = os.getpid()
    pid = forking.fork()
    with contextlib.suppress(OSError):  # both do it: whoever is first
        os.setpgid(pid, pid)
    if pid == 0:
        forking.die_with_parent(parent)
    return pid


def stay() -> None:
    """Live on when the parent ends: the control socket says when nobody needs this process any more."""
    forking.outlive_parent()


@dataclass
class Orders:
    """What a fork is given.

    Attributes:
        socket: Descriptor of its end of the run's socket pair.
        queue: That of the queue that it shares; None when it shares none.
        controls: Those of the control sockets of its suspended copies; -1 when used.
        outputs: Empty files for what it writes to the descriptors 1 and 2: its parent reads them if it dies.
    """

    socket: int
    queue: int | None = None
    controls: list[int] = field(default_factory=list)
    outputs: dict[int, int] = field(default_factory=dict)

    def close(self) -> None:
        """Close them all but the outputs: they are another process's."""
        for descriptor in (self.socket, self.queue, *self.controls):
            if descriptor is not None and descriptor >= 0:
                os.close(descriptor)
        self.queue, self.controls = None, []

    def close_outputs(self) -> None:
        """Close the files for outputs."""
        for descriptor in self.outputs.values():
            os.close(descriptor)
        self.outputs = {}


@dataclass
class _Child:
    stream: int
    outputs: Orders | None = None

    def output(self, code: int) -> str:
        """Return the last of what it wrote and nobody read, if it died; closes the files."""
        if self.outputs is None:
            return ""
        text = "".join(map(tail, self.outputs.outputs.values())) if code < 0 or code > _USUAL else ""
        self.outputs.close_outputs()
        return text


def tail(descriptor: int) -> str:
    """Return the last of what a file holds."""
    size = os.fstat(descriptor).st_size
    return os.pread(descriptor, _TAIL, max(0, size - _TAIL)).decode("utf-8", "replace")


class ForkPoint:
    """Waits for commands, forks workers, tells when they end.

    Args:
        descriptor: The control socket.
    """

    def __init__(self, descriptor: int) -> None:
        self._socket = socket.socket(fileno=descriptor)
        self._unpacker: Unpacker[HostCommand] = Unpacker(HostCommand)
        self._workers: dict[int, _Child] = {}
        self._descriptors: list[int] = []
        self._wake: tuple[int, ...] = ()
        self._revise: Callable[[Revise], Revised] | None = None
        self._before: tuple[object, int] = (signal.SIG_DFL, -1)

    def tell(self, event: HostEvent) -> None:
        """Tell the explorer.

        Raises:
            OSError: It is gone.
        """
        self._socket.sendall(pack([event]))

    def adopt(self, pid: int, stream: int) -> None:
        """Take charge of a child that a worker goes on in."""
        self._workers[pid] = _Child(stream)
        self.tell(WorkerStarted(stream=stream, pid=pid))

    def wait(self, revise: Callable[[Revise], Revised] | None = None) -> Orders:
        """Serve until a command asks for a fork; return in the child (the process itself never returns).

        Args:
            revise: Takes over edits of files.
        """
        self._revise = revise
        self._wake = reader, writer = os.pipe()
        os.set_blocking(writer, False)
        handler = signal.signal(signal.SIGCHLD, lambda *_: None)
        self._before = handler, signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        while True:
            readable = select.select([self._socket.fileno(), reader], [], [])[0]
            if reader in readable:
                os.read(reader, 4096)
            self._reap()
            if self._socket.fileno() not in readable:
                continue
            data, descriptors, _, _ = socket.recv_fds(self._socket, 65536, _DESCRIPTORS)
            self._descriptors += descriptors
            if not data:
                self._end()
            for command in self._unpacker.feed(data):
                orders = self._obey(command)
                if orders is not None:
                    return orders

    def take(self) -> Orders:
        """Wait for one command to launch, and take its orders in this process, without a fork."""
        while True:
            data, descriptors, _, _ = socket.recv_fds(self._socket, 65536, _DESCRIPTORS)
            self._descriptors += descriptors
            if not data:
                self._end()
            for command in self._unpacker.feed(data):
                if isinstance(command, Launch):
                    self.tell(WorkerStarted(stream=command.stream, pid=os.getpid()))
                    return self._orders(command)

    def leave(self) -> None:
        """In a child: have nothing to do with the explorer's control socket."""
        for descriptor in (self._socket.detach(), *self._wake):
            os.close(descriptor)

    def _obey(self, command: HostCommand) -> Orders | None:
        if isinstance(command, Launch):
            return self._launch(command)
        if isinstance(command, Release):
            self._workers.pop(command.pid, None)
            return None
        if isinstance(command, Revise):
            self.tell(self._revised(command))
            return None
        for pid in [pid for pid, child in self._workers.items() if child.stream == command.stream]:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, command.signal)
        return None

    def _revised(self, command: Revise) -> Revised:
        if self._revise is None:
            return Revised(reason="this process takes no edits over")
        try:
            return self._revise(command)
        except BaseException:  # noqa: BLE001 - half done, and what is above on the stack is no business of it
            traceback.print_exc()
            self._end()

    def _launch(self, command: Launch) -> Orders | None:
        orders = self._orders(command)
        orders.outputs = {number: nameless_file() for number in OUTPUTS}
        pid = fork()
        if pid:
            orders.close()
            self.adopt(pid, command.stream)
            self._workers[pid].outputs = orders
            return None
        self._restore_signals()
        self.leave()
        return orders

    def _orders(self, command: Launch) -> Orders:
        take = self._descriptors.pop
        orders = Orders(take(0), take(0) if command.queue else None)
        orders.controls = [take(0) for _ in range(command.controls)]
        return orders

    def _restore_signals(self) -> None:
        handler, wakeup = self._before
        signal.set_wakeup_fd(wakeup)
        signal.signal(signal.SIGCHLD, handler)  # type: ignore[arg-type]

    def _reap(self) -> None:
        while self._workers:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            child = self._workers.pop(pid, None)
            if child is not None:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(pid, signal.SIGKILL)  # what the tests left running in the group
                code = os.waitstatus_to_exitcode(status)
                self.tell(WorkerExited(stream=child.stream, pid=pid, status=code, output=child.output(code)))

    def _end(self) -> NoReturn:
        """The explorer is gone, or has no use for this process any more: take every run along."""
        for pid in self._workers:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, signal.SIGKILL)
        os._exit(0)
