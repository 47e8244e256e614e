"""Moves a process's open PostgreSQL connections to another database, beneath the drivers that hold them.

A connection is a descriptor. When its session is idle, another session can take the descriptor's place
(`dup2`): same user, same parameters, same prepared statements, another database. Whoever holds the connection
(a pool, an ORM, a C library) goes on with it and notices nothing. Nothing of any driver is touched.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from socket import SHUT_RDWR, socket

from enctest.databases import peers
from enctest.databases.sessions import Session, State

_ANSWER = 2.0
"""Seconds that an idle server may take for an answer; it takes less than a millisecond."""
_DESCRIPTORS = Path("/proc/self/fd") if Path("/proc/self/fd").exists() else Path("/dev/fd")
_DETAILS = Path("/proc/self/fdinfo")


@dataclass(frozen=True)
class Descriptor:
    """An open connection of this process: its number, and the inode, which another one never has."""

    number: int
    inode: int

    @classmethod
    def of(cls, number: int) -> Descriptor:
        """Return what a number leads to now."""
        return cls(number, os.fstat(number).st_ino)

    def port(self) -> int:
        """Return the port at our end, 0 for a unix socket."""
        looked = socket(fileno=self.number)
        try:
            name = looked.getsockname()
        finally:
            looked.detach()
        return int(name[1]) if isinstance(name, tuple) else 0

    def is_silent(self) -> bool:
        """Tell whether the server has sent nothing that nobody has read, and is still there."""
        poller = select.poll()
        poller.register(self.number, select.POLLIN | select.POLLPRI)
        return not poller.poll(0)


def replace(sessions: Mapping[Descriptor, Session]) -> list[Descriptor]:
    """Let sessions take the places of connections, in the eyes of everybody who knows their numbers.

    Returns:
        Those that are still open. The sessions of others are closed.
    """
    replaced: list[Descriptor] = []
    if not sessions:
        return replaced
    with _unwatched(*(each.number for each in sessions)):
        for each, session in sessions.items():
            try:
                flags, inheritable = fcntl.fcntl(each.number, fcntl.F_GETFL), os.get_inheritable(each.number)
                fcntl.fcntl(session.socket, fcntl.F_SETFL, flags)
                os.dup2(session.socket.fileno(), each.number, inheritable=inheritable)
                replaced.append(each)
            except OSError:
                continue  # a thread has closed it just now
            finally:
                session.close()
    return replaced


def servers(descriptors: Iterable[Descriptor], candidates: Mapping[int, int]) -> dict[Descriptor, int]:
    """Return the server's process at the other end of each connection, where that can be told.

    Args:
        descriptors: The connections.
        candidates: Process ids of the server's, each with the TCP port of its client (not positive: none).
    """
    wanted = list(descriptors)
    ports = {port: pid for pid, port in candidates.items() if port > 0}
    found = {each: ports[port] for each in wanted if (port := each.port()) in ports}
    inodes = {each.inode: each for each in wanted if each not in found}
    others = peers.peers(inodes)
    owners = peers.owners(others.values(), candidates)
    for inode, other in others.items():
        if other in owners:
            found[inodes[inode]] = owners[other]
    return found


def states(descriptors: Iterable[Descriptor]) -> dict[Descriptor, State]:
    """Ask all sessions for their states, at once; only while nobody else uses them.

    A session that does not answer is closed and left out: a thread has begun to use it at this very moment.
    """
    asked = list(descriptors)
    flags = {each: fcntl.fcntl(each.number, fcntl.F_GETFL) for each in asked}
    borrowed = {each: socket(fileno=each.number) for each in asked}
    with _unwatched(*(each.number for each in asked)):  # else a loop in another thread would read our answers
        try:
            sessions = {each: Session(borrowed[each]) for each in asked}
            for session in sessions.values():
                session.socket.settimeout(_ANSWER)
                with contextlib.suppress(OSError):  # it is closed: there will be no answer
                    session.ask()
            return {each: state for each, session in sessions.items() if (state := _told(session))}
        finally:
            for each in asked:
                borrowed[each].detach()
                fcntl.fcntl(each.number, fcntl.F_SETFL, flags[each])


def _told(session: Session) -> State | None:
    try:
        return session.told()
    except OSError:
        with contextlib.suppress(OSError):  # the server was quicker
            session.socket.shutdown(SHUT_RDWR)
        return None


def connections(path: str, port: int, ours: Iterable[int] = ()) -> list[Descriptor]:
    """Return this process's connections to the server at the socket `path`, or (if not 0) at TCP `port`.

    Args:
        path: The server's unix socket.
        port: Its port on 127.0.0.1.
        ours: Descriptors to leave out.
    """
    skipped = set(ours)
    found = []
    for name in os.listdir(_DESCRIPTORS):  # noqa: PTH208 - no Path per entry
        number = int(name)
        if number in skipped:
            continue
        try:
            status = os.fstat(number)
            if stat.S_ISSOCK(status.st_mode) and _leads_to(number, path, port):
                found.append(Descriptor(number, status.st_ino))
        except OSError:
            continue  # the descriptor of the listing itself, or one that another thread closed
    return found


def _leads_to(number: int, path: str, port: int) -> bool:
    looked = socket(fileno=number)
    try:
        peer = looked.getpeername()
    finally:
        looked.detach()
    return peer == path or (port > 0 and peer == ("127.0.0.1", port))


@contextlib.contextmanager
def _unwatched(*numbers: int) -> Iterator[None]:
    """Take descriptors out of all epoll objects, whoever they belong to (asyncio, libuv), for a moment.

    What is put back is what the numbers lead to then: by themselves they would forget it.
    """
    found = _watching(numbers) if hasattr(select, "epoll") else []
    watching = [(select.epoll.fromfd(os.dup(poll)), number, events) for poll, number, events in found]
    try:
        for poll, number, _ in watching:
            poll.unregister(number)
        yield
    finally:
        for poll, number, events in watching:
            poll.register(number, events)
            poll.close()


def _watching(numbers: Iterable[int]) -> list[tuple[int, int, int]]:
    """Return (descriptor of an epoll object, number that it watches, what for)."""
    wanted = set(numbers)
    found = []
    for name in os.listdir(_DESCRIPTORS):  # noqa: PTH208 - no Path per entry
        try:
            if os.readlink(f"{_DESCRIPTORS}/{name}") != "anon_inode:[eventpoll]":  # noqa: PTH115 - as above
                continue
            lines = (_DETAILS / name).read_text(encoding="ascii").splitlines()
        except OSError:
            continue  # as in `connections`
        for line in lines:
            words = line.split()
            if words[:1] == ["tfd:"] and int(words[1]) in wanted:
                found.append((int(name), int(words[1]), int(words[3], 16)))
    return found
