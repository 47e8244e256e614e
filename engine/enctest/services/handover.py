"""What a process that a test starts is given of that test, and what it gives back.

A file holds what was set when the process began (`Handover`); beside it, each process that has read it writes
what it publishes and its spans (`Told`). Both are in a private folder, which is gone with the pytest process.
"""

from __future__ import annotations

import atexit
import io
import itertools
import os
import pickle
import shutil
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import FunctionType
from typing import Any

import msgspec

from enctest.events import SpanEnded, SpanEvent, SpanStarted
from enctest.paths import runtime_folder
from enctest.record import Event, Record
from enctest.services.scope import Kind
from enctest.wire import Unpacker, pack


class Handover(Record, frozen=True, kw_only=True):
    """What holds for a process.

    `kind` and `name` are its scope's, `path` is where its modules may be found. `values` are pickled, by the
    identity of what they were set for; `lost` says of those that cannot be why. Spans are told if `spans`;
    `root` is the project's.
    """

    kind: Kind
    name: str
    path: tuple[str, ...]
    values: dict[str, bytes]
    lost: dict[str, str]
    spans: bool
    root: str


class Published(Event, frozen=True, kw_only=True):
    """A process published a message; `body` is its JSON."""

    topic: str
    message_id: str
    body: bytes


Told = Published | SpanStarted | SpanEvent | SpanEnded


def identity(key: Any) -> str:
    """Return what something that values are set for is called in every process."""
    if isinstance(key, str):
        return key
    return f"service {home_of(key)}" if isinstance(key, type) else str(key.identity)


def home_of(kind: type) -> str:
    """Return file and name of a class: the name of its module differs where that is a program."""
    module = sys.modules.get(kind.__module__)
    file = getattr(module, "__file__", None)
    return f"{_absolute(file) if file else kind.__module__}:{kind.__qualname__}"


def _absolute(file: str) -> str:
    return os.path.abspath(file)  # noqa: PTH100 - links stay: modules are told apart by the path of their import


def environment(given: Mapping[Any, Any] | None, told: Mapping[str, str]) -> dict[Any, Any]:
    """Return a process's variables with `told` among them, save those that the call gives another value.

    It is here, and not where processes are started, since what reads variables here reads them for itself.
    """
    found = dict(os.environ if given is None else given)
    return found | {name: text for name, text in told.items() if found.get(name) == os.environ.get(name)}


# --- the files ---

_numbers = itertools.count(1)


def write(handover: Handover) -> str:
    """Write a handover down; return its path."""
    path = _folder(os.getpid()) / str(next(_numbers))
    path.write_bytes(msgspec.msgpack.encode(handover))
    return str(path)


def read(path: str) -> Handover | None:
    """Return what was written down, None if the run that wrote it is over."""
    try:
        data = Path(path).read_bytes()
    except FileNotFoundError:
        return None
    return msgspec.msgpack.decode(data, type=Handover)


@cache
def _folder(pid: int) -> Path:
    """Return this process's folder, made; those of processes that are gone are removed."""
    above = runtime_folder() / "processes"
    above.mkdir(mode=0o700, exist_ok=True)
    for other in above.iterdir():
        owner = other.name.partition("-")[0]
        if owner.isdigit() and not _lives(int(owner)):
            shutil.rmtree(other, ignore_errors=True)
    folder = above / f"{pid}-{os.urandom(6).hex()}"
    folder.mkdir(mode=0o700)
    atexit.register(remove)
    return folder


def remove() -> None:
    """Remove this process's folder."""
    if _folder.cache_info().currsize:
        folder = _folder(os.getpid())
        _folder.cache_clear()
        shutil.rmtree(folder, ignore_errors=True)


os.register_at_fork(after_in_child=_folder.cache_clear)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


class Channel:
    """Where one process tells what it does; the first of a handover has the number 1.

    Args:
        path: The handover's.
    """

    def __init__(self, path: str) -> None:
        for number in itertools.count(1):
            try:
                flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
                self._descriptor = os.open(f"{path}.{number}", flags, 0o600)
            except FileExistsError:
                continue
            self.number = number
            break

    def tell(self, record: Told) -> None:
        """Write one record; it is there even if the process is killed next."""
        os.write(self._descriptor, pack([record]))


class Channels:
    """Reads what the processes of one handover have told.

    Args:
        path: The handover's.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._read: list[tuple[Unpacker[Told], int]] = []

    def news(self) -> Iterator[tuple[int, Told]]:
        """Yield what was told since this was asked last, with the number of the channel."""
        for number in itertools.count(1):
            try:
                data = Path(f"{self._path}.{number}").read_bytes()
            except FileNotFoundError:
                return
            if number > len(self._read):
                self._read.append((Unpacker(Told), 0))
            unpacker, place = self._read[number - 1]
            self._read[number - 1] = unpacker, len(data)
            for record in unpacker.feed(data[place:]):
                yield number, record


# --- values ---


def packed(value: Any) -> bytes:
    """Return a value as bytes; functions and classes of the project go by file and name.

    Raises:
        Exception: It cannot be pickled; objects say so in many ways.
    """
    found = io.BytesIO()
    _Pickler(found, pickle.HIGHEST_PROTOCOL).dump(value)
    return found.getvalue()


def unpacked(data: bytes, path: tuple[str, ...]) -> Any:
    """Return a value again; its modules are looked for where the other process has them, too.

    Raises:
        Exception: It cannot be had here.
    """
    before = list(sys.path)
    sys.path.extend(entry for entry in path if entry not in before)
    try:
        return pickle.loads(data)  # noqa: S301 - by our own code, in a private folder
    finally:
        sys.path[:] = before


class _Pickler(pickle.Pickler):
    def reducer_override(self, value: Any) -> Any:
        if not isinstance(value, FunctionType | type) or "<" in value.__qualname__:
            return NotImplemented
        file = getattr(sys.modules.get(value.__module__), "__file__", None) or ""
        top = value.__module__.partition(".")[0]
        if not file or top in sys.stdlib_module_names | {"enctest"} or "-packages" in file:
            return NotImplemented
        return _found, (value.__module__, _absolute(file), value.__qualname__)


def _found(module: str, file: str, name: str) -> Any:
    """Return what another process has in a file under a name."""
    value: Any = _module(module, file)
    for part in name.split("."):
        value = getattr(value, part)
    return value


def _module(name: str, file: str) -> Any:
    for known in (name, "__main__", "__mp_main__"):
        found = sys.modules.get(known)
        if found is not None and _absolute(getattr(found, "__file__", None) or "") == file:
            return found
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not name.startswith(error.name):
            raise
    spec = spec_from_file_location(name, file)  # such as a test's, which pytest imports by its path
    if spec is None or spec.loader is None:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)
    module = sys.modules[name] = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
