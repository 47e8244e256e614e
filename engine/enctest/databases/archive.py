"""Folders of many small files kept as one file: quicker to read, whole or not there, easy to count.

The file has the contents, each once however many files have it, then an index, then where that begins.
"""

from __future__ import annotations

import mmap
import os
import struct
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import msgspec

from enctest.databases.account import Account

_END = struct.Struct("!Q8s")
_MARK = b"enctest1"
_CHUNK = 1 << 20
_COMPARED = 64 * _CHUNK
"""Bytes of contents that are remembered, to tell which are equal."""


class _Index(msgspec.Struct, frozen=True):
    """Paths of folders, the upper ones first; path, offset and size of each file."""

    folders: list[str]
    files: list[tuple[str, int, int]]


@dataclass
class _Writer:
    """What has been written so far."""

    file: BinaryIO
    limit: int
    size: int = 0

    def __post_init__(self) -> None:
        self._places: dict[bytes, int] = {}
        self._compared = 0

    def add(self, path: str) -> tuple[int, int]:
        """Write a file's content, unless it is there; return offset and size."""
        begun = self.size
        source = os.open(path, os.O_RDONLY)
        try:
            content = os.read(source, min(_CHUNK, os.fstat(source).st_size + 1))
            if len(content) < _CHUNK:
                known = self._places.get(content)
                if known is not None:
                    return known, len(content)
                if self._compared < _COMPARED:
                    self._places[content] = begun
                    self._compared += len(content)
            while content:
                self.write(content)
                content = os.read(source, _CHUNK)
        finally:
            os.close(source)
        return begun, self.size - begun

    def write(self, data: bytes) -> None:
        """Write something.

        Raises:
            OSError: There is no room, or it is more than may be.
        """
        if self.size + len(data) > self.limit:
            raise OSError(f"more than {self.limit >> 20} MB")
        self.file.write(data)
        self.size += len(data)


class Packing:
    """A file that is being written; what is wrong with it shows when `finish` was not reached.

    Args:
        target: The new file, which only we may read.
        limit: Bytes that it may have.

    Raises:
        OSError: There is no room, a file cannot be read, or it is more than `limit`; so from every method.
    """

    def __init__(self, target: Path, limit: int) -> None:
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        self._writer = _Writer(os.fdopen(descriptor, "wb", buffering=_CHUNK), limit)
        self._index = _Index([], [])

    def add(self, folder: Path, wanted: Callable[[str], bool], within: str = "") -> None:
        """Write a folder.

        Args:
            folder: Has plain files and folders only, or others are unwanted.
            wanted: Called with each path in the folder; what is below an unwanted one is left out too.
            within: Begin there: a path in the folder, with a slash at its end.
        """
        for path, is_folder in _below(str(folder), within, wanted):
            if is_folder:
                self._index.folders.append(path)
            else:
                self._index.files.append((path, *self._writer.add(f"{folder}/{path}")))

    def finish(self) -> None:
        """Write down what there is."""
        begun = self._writer.size
        self._writer.write(msgspec.msgpack.encode(self._index))
        self._writer.write(_END.pack(begun, _MARK))

    def close(self) -> None:
        """Close the file."""
        self._writer.file.close()


def pack(folder: Path, target: Path, wanted: Callable[[str], bool], *, limit: int) -> None:
    """Write a folder to a new file, see `Packing`; half written when something goes wrong."""
    with closing(Packing(target, limit)) as packing:
        packing.add(folder, wanted)
        packing.finish()


def unpack(
    source: Path, target: Path, account: Account | None, wanted: Callable[[str], bool] = lambda _: True
) -> None:
    """Make a folder of what `pack` wrote, to be read by `account` (default: us) alone.

    Args:
        source: The file.
        target: The folder; it may be there already, with other files.
        account: Whose it is to be.
        wanted: Called with each path in it, of folders and files; others are left out.

    Raises:
        OSError: There is no room, or no such file.
        ValueError: It is damaged.
    """
    with source.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        begun, mark = (
            _END.unpack_from(content, len(content) - _END.size) if len(content) > _END.size else (0, b"")
        )
        if mark != _MARK:
            raise ValueError(f"{source} is not whole")
        index = msgspec.msgpack.decode(content[begun : -_END.size], type=_Index)
        if not target.is_dir():
            _make_folder(str(target), account)
        for path in filter(wanted, index.folders):
            _make_folder(f"{target}/{path}", account)
        with memoryview(content) as view:
            for path, offset, size in index.files:
                if wanted(path):
                    _write(f"{target}/{path}", view[offset : offset + size], account)


def _make_folder(path: str, account: Account | None) -> None:
    os.mkdir(path, 0o700)  # noqa: PTH102 - no Path for each of a thousand
    if account:
        os.chown(path, account.uid, account.gid)


def _write(path: str, content: memoryview, account: Account | None) -> None:
    writer = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        done = 0
        while done < len(content):
            done += os.write(writer, content[done:])
        if account:
            os.fchown(writer, account.uid, account.gid)
    finally:
        os.close(writer)


def _below(folder: str, prefix: str, wanted: Callable[[str], bool]) -> Iterator[tuple[str, bool]]:
    with os.scandir(f"{folder}/{prefix}") as entries:
        for entry in entries:
            path = prefix + entry.name
            if wanted(path):
                is_folder = entry.is_dir(follow_symlinks=False)
                yield path, is_folder
                if is_folder:
                    yield from _below(folder, path + "/", wanted)
