"""Which environment variables a test reads: the dictionary below `os.environ` tells.

Reads are told as data files are, by a name that no path has: `$NAME`, or `$*` for all of them at once.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from types import CodeType, FrameType
from typing import Any, NamedTuple

from enctest.selection.callers import Asker, Callers, file_of

ALL = "$*"
"""All variables were read at once: to copy them, mostly."""

_LOOKED_UP_FOR_NOBODY = frozenset({b"PATH", b"TMPDIR", b"TEMP", b"TMP"})
"""What the standard library reads to find programs and a place for temporary files."""

_VIEWS = vars(sys.modules["_collections_abc"])


class Variables(dict[bytes, bytes]):
    """What `os.environ` and `os.environb` keep their content in; it tells of reads and changes."""

    watch: EnvironmentWatch | None = None

    def __getitem__(self, key: bytes) -> bytes:
        if self.watch is not None:
            self.watch.read(key)
        return dict.__getitem__(self, key)

    def __iter__(self) -> Iterator[bytes]:
        if self.watch is not None:
            self.watch.read_all()
        return super().__iter__()

    def items(self) -> Any:
        """Return all of it, for `repr`."""
        if self.watch is not None:
            self.watch.read_all()
        return super().items()

    def __setitem__(self, key: bytes, value: bytes) -> None:
        dict.__setitem__(self, key, value)
        if self.watch is not None:
            self.watch.changed(key)

    def __delitem__(self, key: bytes) -> None:
        dict.__delitem__(self, key)
        if self.watch is not None and self.watch.is_own(key) and not _is_clearing(sys._getframe(2)):  # noqa: SLF001 - the only way to know
            self.watch.changed(key)

    def __reduce__(self) -> tuple[type[dict[bytes, bytes]], tuple[dict[bytes, bytes]]]:
        """Let a copy be a plain one."""
        return dict, (dict(super().items()),)


class Passed(NamedTuple):
    """What a process that the run has started was given.

    Attributes:
        own: Names of variables whose values are the run's own.
        others: Names of those that are as the run found them; None if it was given all that there were.
    """

    own: frozenset[str]
    others: frozenset[str] | None


class EnvironmentWatch:
    """Tells of variables that are read as the run found them; what the run has set itself is its own.

    Args:
        callers: Knows who asks.
        used: Gets `$NAME` or `$*`, and who asks.
        guard: Calls its first argument with the others and keeps the exceptions.
        given: Variables that whoever started the run gives it, whatever the user's are.
    """

    def __init__(
        self,
        callers: Callers,
        used: Callable[[str, Asker], None],
        guard: Callable[..., None],
        given: Collection[str] = (),
    ) -> None:
        self._callers = callers
        self._used = used
        self._guard = guard
        self._given = set(map(os.fsencode, given))
        self._given_read: set[bytes] = set()
        self._data: dict[bytes, bytes] = {}
        self._found: dict[bytes, bytes] = {}
        self._copying: tuple[int, int, CodeType] | None = None
        self._set: set[bytes] = set()
        self._set_in_test: set[bytes] = set()
        self._left_by_test: set[bytes] = set()

    @property
    def set_by_run(self) -> frozenset[str]:
        """Names of the variables that the run has set or removed, undone or not."""
        return frozenset(map(os.fsdecode, self._set))

    @property
    def given_read(self) -> frozenset[str]:
        """Reads of variables that the run was given, as `$NAME`; another run may be given other values."""
        return frozenset(f"${os.fsdecode(name)}" for name in self._given_read)

    def give(self, variables: Mapping[str, str]) -> None:
        """Set variables on behalf of whoever started the run."""
        self._given.update(map(os.fsencode, variables))
        watched = self._data
        if isinstance(watched, Variables):
            watched.watch = None
        os.environ.update(variables)
        if isinstance(watched, Variables):
            self._found |= {name: watched[name] for name in map(os.fsencode, variables)}
            watched.watch = self

    def passed(self, variables: Mapping[str, str] | None) -> Passed:
        """Return what counts of the variables (None: all of this process) that another process is given."""
        watched = isinstance(self._data, Variables)
        mine = (
            {}
            if variables is None
            else {os.fsencode(name): os.fsencode(variables[name]) for name in variables}
        )
        data = dict(dict.items(self._data)) if variables is None else mine
        own = {name for name in data.keys() | self._found.keys() if data.get(name) != self._found.get(name)}
        names = frozenset(map(os.fsdecode, own - self._left_by_test if watched else ()))
        return Passed(names, None if variables is None else frozenset(map(os.fsdecode, data)) - names)

    def read_there(self, names: Iterable[str], passed: Passed) -> set[str]:
        """Return which reads of another process (`$NAME` or `$*`) were of what the run found."""
        found = {name for name in names if name[1:] not in passed.own}
        if ALL in found and passed.others is not None:
            found = found - {ALL} | {f"${name}" for name in passed.others}
        given = {name for name in found if os.fsencode(name[1:]) in self._given}
        self._given_read |= {os.fsencode(name[1:]) for name in given}
        return found - given

    def install(self) -> None:
        """Start to listen, unless somebody has exchanged `os.environ` itself."""
        data = getattr(os.environ, "_data", None)
        if type(data) is not dict:
            return
        self._found = dict(data)
        variables = Variables(data)
        variables.watch = self
        self._exchange(variables)

    def uninstall(self) -> None:
        """Put a plain dictionary back."""
        if isinstance(self._data, Variables):
            self._data.watch = None
            self._exchange(dict(self._data))

    def _exchange(self, data: dict[bytes, bytes]) -> None:
        self._data = data
        environs: list[Any] = [os.environ, getattr(os, "environb", None)]
        for environ in environs:
            if environ is not None:
                environ._data = data  # noqa: SLF001 - the one place below all ways to read

    # --- tests ---

    def start_test(self) -> None:
        """What was set before belongs to the run."""
        self._set_in_test.clear()
        self._copying = None

    def end_test(self) -> None:
        """What a test has left behind is no other test's own: alone, that one finds what the run found."""
        for name in self._set_in_test:
            if dict.get(self._data, name) != self._found.get(name):
                self._left_by_test.add(name)

    # --- what happens ---

    def read(self, name: bytes) -> None:
        """A variable is read, set or not."""
        if dict.get(self._data, name) != self._found.get(name) and name not in self._left_by_test:
            return  # the run's own
        frame = sys._getframe(2)  # noqa: SLF001 - the only way to know who asks
        self._guard(self._read, name, frame)

    def read_all(self) -> None:
        """All variables are read."""
        frame = sys._getframe(2)  # noqa: SLF001 - as above
        self._guard(self._read_all, frame)

    def is_own(self, name: bytes) -> bool:
        """Tell whether a variable is not as the run found it."""
        return dict.get(self._data, name) != self._found.get(name)

    def changed(self, name: bytes) -> None:
        """A variable was set or removed."""
        if self.is_own(name):
            self._set.add(name)
            self._set_in_test.add(name)

    def _read(self, name: bytes, frame: FrameType) -> None:
        asker = frame.f_back
        if asker is None or (self._copying is not None and self._is_copying(asker)):
            return
        if name in _LOOKED_UP_FOR_NOBODY and self._for_nobody(asker):
            return
        found = self._callers.asker(asker)
        if found.own or found.puts_back:
            return
        if name in self._given:
            self._given_read.add(name)
        else:
            self._used(f"${os.fsdecode(name)}", found)

    def _read_all(self, frame: FrameType) -> None:
        asker: FrameType | None = frame
        while asker is not None and asker.f_code.co_name in {"__iter__", "__repr__"}:
            asker = asker.f_back  # the views, and `os.environ` itself
        if asker is None:
            return
        self._copying = id(asker), asker.f_lasti, asker.f_code
        found = self._callers.asker(asker)
        if not found.own and not found.puts_back:
            self._used(ALL, found)

    def _is_copying(self, asker: FrameType) -> bool:
        """Tell whether one variable is read only because all are: by a view, or by `dict(os.environ)`."""
        if _is_view(asker):
            return asker.f_code.co_name == "__iter__"
        copying = self._copying
        return (
            copying is not None and copying[:2] == (id(asker), asker.f_lasti) and copying[2] is asker.f_code
        )

    def _for_nobody(self, asker: FrameType) -> bool:
        while _is_view(asker) or asker.f_globals.get("__name__") == "os":
            if asker.f_code.co_name not in {"get", "getenv", "getenvb", "__contains__"} or not asker.f_back:
                return True
            asker = asker.f_back
        return self._callers.is_stdlib(file_of(asker))


def _is_view(frame: FrameType) -> bool:
    return frame.f_globals is _VIEWS


def _is_clearing(frame: FrameType) -> bool:
    """Tell whether a variable is removed because all are, which is no wish for this one."""
    return _is_view(frame) and frame.f_code.co_name == "popitem"
