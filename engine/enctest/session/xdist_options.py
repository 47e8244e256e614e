"""`-n` and its kin: how many processes are to run the tests, and whether that is pytest-xdist's business."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from types import FrameType
from typing import Any

import pytest

from enctest.errors import EnctestError

_FLAGS = ("-n", "--numprocesses")
_AUTO = ("auto", "logical")
_XDIST_ONLY = ("tx", "px", "looponfail", "distload", "rsyncdir", "maxschedchunk", "maxworkerrestart")
"""Options (by destination) that say that pytest-xdist itself is wanted."""
_IDENTITY = frozenset({"PYTEST_XDIST_WORKER", "PYTEST_XDIST_WORKER_COUNT", "PYTEST_XDIST_TESTRUNUID"})
_ENVIRONMENT = frozenset({"os", "collections.abc", "_collections_abc"})
_OURS = frozenset({"enctest", "_pytest", "pytest", "xdist"})


def take_workers(args: list[str]) -> int:
    """Take `-n N` out of the arguments where pytest-xdist is not there to understand it; 0 without one.

    Raises:
        EnctestError: N is neither a number nor `auto` nor `logical`.
    """
    return 0 if _has_xdist(args) else asked_workers(args) or 0


def asked_workers(args: list[str]) -> int | None:
    """Take `-n N` out of the arguments, whoever understands it; None where it is not there.

    Raises:
        EnctestError: N is neither a number nor `auto` nor `logical`.
    """
    found: list[int] = []
    for index in range(len(args) - 1, -1, -1):
        value, length = _value(args, index)
        if value is not None:
            found.append(_number(value))
            del args[index : index + length]
    return found[0] if found else None  # the last one counts


def _has_xdist(args: Sequence[str]) -> bool:
    if importlib.util.find_spec("xdist") is None:
        return False
    words = [*os.environ.get("PYTEST_ADDOPTS", "").split(), *args]
    if any("no:xdist" in word for word in words):
        return False
    loads = not os.environ.get("PYTEST_DISABLE_PLUGIN_AUTOLOAD") and "--disable-plugin-autoload" not in words
    return loads or any("xdist" in word for word in words)


def _value(args: Sequence[str], index: int) -> tuple[str | None, int]:
    """Return the value of the flag that stands at `index`, and how many arguments both are."""
    arg = args[index]
    if arg in _FLAGS:
        return (args[index + 1] if index + 1 < len(args) else ""), 2
    if arg.startswith("--numprocesses="):
        return arg.partition("=")[2], 1
    if arg.startswith("-n"):
        return arg.removeprefix("-n").removeprefix("="), 1
    return None, 0


def _number(value: str) -> int:
    if value in _AUTO:
        named = os.environ.get("PYTEST_XDIST_AUTO_NUM_WORKERS", "")
        return int(named) if named.isdigit() else cores()
    if not value.isdigit():
        raise EnctestError(f"-n takes a number of processes, auto or logical, not {value!r}")
    return int(value)


def cores() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True)
class Wanted:
    """What was asked for: a number, or `auto` or `logical`; at most `limit`."""

    number: int | str
    limit: int | None = None

    def resolve(self, config: pytest.Config) -> int:
        """Return a number, 0 for none; conftests may have a say in `auto`, so ask when they are loaded."""
        if isinstance(self.number, int):
            number = self.number
        elif config.getoption("usepdb", False):
            number = 0
        else:
            config.option.numprocesses = self.number
            number = int(config.hook.pytest_xdist_auto_num_workers(config=config))
            config.option.numprocesses = 0
        return min(number, self.limit) if self.limit else number


def claim_workers(config: pytest.Config, args: list[str]) -> Wanted | None:
    """Return what pytest-xdist was asked for and we can do instead; it is told to start no processes.

    Where an option is given that only pytest-xdist has an answer to, that is None and nothing changes.

    Args:
        config: At the time when conftests are about to be loaded.
        args: pytest's arguments, changed in place.
    """
    namespace: Any = config.known_args_namespace
    wanted = getattr(namespace, "numprocesses", None)
    if not wanted or getattr(namespace, "dist", "no") != "no":
        return None
    if any(getattr(namespace, name, None) for name in _XDIST_ONLY):
        return None
    args.append("-n0")
    namespace.numprocesses = 0
    return Wanted(wanted, getattr(namespace, "maxprocesses", None))


class WorkerNameReads:
    """Notices that a project asks for its worker's name before there are workers: while it is imported.

    With pytest-xdist each worker imports everything and gets another answer; copies would all have the same.

    Args:
        private: More variables that each worker has for itself.
    """

    def __init__(self, private: Collection[str] = ()) -> None:
        self.reader = ""
        self._names = _IDENTITY.union(private)
        self._encode: Callable[[str], str] = os.environ.encodekey
        os.environ.encodekey = self._asked

    def stop(self) -> None:
        """Notice no more."""
        if os.environ.encodekey == self._asked:
            os.environ.encodekey = self._encode

    def _asked(self, key: str) -> str:
        if key in self._names and not self.reader:
            frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - the only way to know who asks
            while frame is not None and frame.f_globals.get("__name__") in _ENVIRONMENT:
                frame = frame.f_back
            module = "" if frame is None else str(frame.f_globals.get("__name__", ""))
            if module.partition(".")[0] not in _OURS:
                self.reader = f"{module or 'something'} asks for {key} before there are workers"
        return self._encode(key)
