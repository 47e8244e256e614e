"""What a PostgreSQL server says in its log, read as it grows: each entry names the database it is about."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

PREFIX = "%n|%p|%e|%d|"
"""The server's `log_line_prefix`: seconds since the epoch, process, SQLSTATE, database."""
SLOW_MS = 200
"""Statements that take longer are logged, and so are locks that are waited for longer."""
LIMIT = 32 * 1024 * 1024
"""Bytes after which a log is begun anew: it may be in memory."""
_AT_ONCE = 1024 * 1024
"""Bytes read in one go; of more, only the last are."""
_LINE = re.compile(
    r"(?P<at>\d+\.\d+)\|(?P<pid>\d+)\|(?P<sqlstate>[0-9A-Z]{5})\|(?P<database>.*?)\|(?:"
    r"(?P<severity>LOG|INFO|NOTICE|WARNING|ERROR|FATAL|PANIC)|"
    r"(?P<detail>DETAIL|HINT|QUERY|CONTEXT|STATEMENT|LOCATION)):  (?P<text>.*)"
)
"""A line as `PREFIX` begins it; line breaks within a message are followed by a tab."""


@dataclass
class Entry:
    """One thing that the server said.

    Attributes:
        at: Seconds since the epoch.
        pid: Of the server process that said it.
        sqlstate: Five characters; `00000` is no error.
        database: What its client asked for when it connected; empty if none did.
        severity: As PostgreSQL names it, such as `LOG` or `ERROR`.
        message: In full, with its line breaks.
        details: By PostgreSQL's names, such as `DETAIL` or `STATEMENT`.
    """

    at: float
    pid: int
    sqlstate: str
    database: str
    severity: str
    message: str
    details: dict[str, str] = field(default_factory=dict)


class LogReader:
    """Reads what is new in a log; it holds no file open, so that a process may be copied at any time.

    Args:
        path: The log, which need not be there.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = os.fspath(path)
        self._offset = self._size()

    def skip(self) -> None:
        """Leave out what was said so far."""
        self._offset = self._size()

    def read(self) -> list[Entry]:
        """Return what was said since the last look. It costs one system call when that is nothing."""
        size = self._size()
        if size < self._offset:  # it was begun anew
            self._offset = 0
        if size == self._offset:
            return []
        begin = max(self._offset, size - _AT_ONCE)
        try:
            data = _content(self._path, begin, size - begin)
        except OSError:
            return []  # it went with its server
        whole = data[: data.rfind(b"\n") + 1]
        self._offset = begin + len(whole)
        if self._offset > LIMIT:
            self._begin_anew()
        return list(entries(whole.decode("utf-8", "replace")))

    def _begin_anew(self) -> None:
        """Empty the log: whoever writes it appends, and whoever else reads it sees that it is shorter."""
        try:
            os.truncate(self._path, 0)
        except OSError:
            return
        self._offset = 0

    def _size(self) -> int:
        try:
            return _size(self._path)
        except OSError:
            return 0


def _size(path: str, _stat: Callable[[str], os.stat_result] = os.stat) -> int:
    return _stat(path).st_size


def _content(
    path: str,
    begin: int,
    size: int,
    _open: Callable[[str, int], int] = os.open,
    _read: Callable[[int, int, int], bytes] = os.pread,
    _close: Callable[[int], None] = os.close,
) -> bytes:
    """Read a part of a file, whatever tests do to the `os` module."""
    descriptor = _open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return _read(descriptor, size, begin)
    finally:
        _close(descriptor)


def entries(text: str) -> Iterator[Entry]:
    """Return what whole lines of a log say; what is no line of a server process is left out."""
    entry: Entry | None = None
    last = ""  # the detail that lines without a prefix go on with, empty for the message
    for line in text.split("\n"):
        found = _LINE.fullmatch(line)
        if found is not None and found["severity"]:
            if entry is not None:
                yield entry
            entry, last = _entry(found), ""
        elif entry is None:
            continue
        elif found is not None:
            last = found["detail"]
            entry.details[last] = found["text"]
        elif line.startswith("\t"):  # how the server goes on after a line break
            if last:
                entry.details[last] += f"\n{line[1:]}"
            else:
                entry.message += f"\n{line[1:]}"
    if entry is not None:
        yield entry


def _entry(line: re.Match[str]) -> Entry:
    return Entry(
        at=float(line["at"]),
        pid=int(line["pid"]),
        sqlstate=line["sqlstate"],
        database=line["database"],
        severity=line["severity"],
        message=line["text"],
    )
