"""Which server process is at the other end of a connection: asked of the kernel, not of the server."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
from collections.abc import Iterable
from typing import Final

_SOCK_DIAG: Final = 4  # NETLINK_SOCK_DIAG
_BY_FAMILY: Final = 20  # SOCK_DIAG_BY_FAMILY
_SHOW_PEER: Final = 4  # UDIAG_SHOW_PEER
_PEER: Final = 2  # UNIX_DIAG_PEER
_ANY: Final = 0xFFFFFFFF
_HEADER: Final = struct.Struct("=IHHII")
_REQUEST: Final = struct.Struct("=BBHIIIII")
_ANSWER: Final = 16
"""Bytes of an answer before its attributes."""
_SECONDS: Final = 1.0


def peers(inodes: Iterable[int]) -> dict[int, int]:
    """Return the inode at the other end of each unix socket, where there is one."""
    found: dict[int, int] = {}
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, _SOCK_DIAG) as kernel:
            kernel.settimeout(_SECONDS)
            for inode in inodes:
                request = _REQUEST.pack(socket.AF_UNIX, 0, 0, _ANY, inode, _SHOW_PEER, _ANY, _ANY)
                kernel.send(_HEADER.pack(_HEADER.size + len(request), _BY_FAMILY, 1, 0, 0) + request)
                peer = _peer(kernel.recv(2**16))
                if peer:
                    found[inode] = peer
    except OSError:
        return {}  # not allowed, or no such thing here
    return found


def owners(inodes: Iterable[int], processes: Iterable[int]) -> dict[int, int]:
    """Return which of these processes has each socket open, by inode."""
    wanted = {f"socket:[{inode}]": inode for inode in inodes}
    found: dict[int, int] = {}
    for process in processes:
        folder = f"/proc/{process}/fd"
        with contextlib.suppress(OSError):  # it has ended
            for name in os.listdir(folder):  # noqa: PTH208 - no Path per entry
                with contextlib.suppress(OSError):
                    inode = wanted.get(os.readlink(f"{folder}/{name}"))  # noqa: PTH115 - as above
                    if inode is not None:
                        found[inode] = process
        if len(found) == len(wanted):
            break
    return found


def _peer(answer: bytes) -> int:
    size, kind, *_ = _HEADER.unpack_from(answer)
    offset = _HEADER.size + _ANSWER
    while kind == _BY_FAMILY and offset + 8 <= size:
        length, attribute = struct.unpack_from("=HH", answer, offset)
        if attribute == _PEER:
            (peer,) = struct.unpack_from("=I", answer, offset + 4)
            return int(peer)
        offset += (length + 3) & ~3
    return 0
