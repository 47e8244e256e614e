"""The processes that this one starts: those that will be this very Python are made to report."""

from __future__ import annotations

import functools
import itertools
import os
import sys
from _thread import get_ident
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import BuiltinFunctionType, FrameType, ModuleType

import enctest
from enctest.selection.environment import Passed
from enctest.selection.owners import Owner
from enctest.selection.processes.inject.sitecustomize import SEPARATOR, VARIABLE
from enctest.selection.processes.programs import is_harmless, is_recordable, shell_words

_INJECTED = str(Path(__file__).with_name("inject"))
_PLACE = str(Path(str(enctest.__file__)).parents[1])
_ARGUMENTS, _EXECUTABLES, _FOLDER, _VARIABLES, _BEFORE_EXEC = 0, 1, 4, 5, 21
"""Positions of what counts among the arguments of `_posixsubprocess.fork_exec`."""


class Child:
    """A process that was made to report.

    Attributes:
        pid: Its number; 0 until it has started.
        report: The file that it writes at its end.
        passed: What it was given of this process's variables.
        needs: What it did, in the terms of this process; None while that is not known.
    """

    def __init__(self) -> None:
        self.pid = 0
        self.report = ""
        self.passed = Passed(frozenset(), None)
        self.needs: Owner | None = None

    def lives(self) -> bool:
        """Tell whether it still runs: what it does then is done for tests that did not start it, too."""
        if not self.pid:
            return False
        try:
            return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None
        except ChildProcessError:
            return False  # somebody has waited for it


class Launches:
    """Looks at every process that is started, by whatever means, and says who answers for it.

    Args:
        root: The project's root, resolved.
        state: The project's state folder; the reports are kept there.
        recorded: Takes a process that will report, when it is about to start, and its variables (None: all
            of this process).
        opaque: Called when a process is started whose work will not be seen.
        guard: Does something and keeps its exceptions.
    """

    def __init__(
        self,
        root: Path,
        state: Path,
        recorded: Callable[[Child, Mapping[str, str] | None], None],
        opaque: Callable[[], None],
        guard: Callable[[Callable[[], object]], None],
    ) -> None:
        self._root = root
        self._folders = state / "processes"
        self._folder = ""
        self._recorded = recorded
        self._opaque = opaque
        self._guard = guard
        self._numbers = itertools.count()
        self._undo: list[Callable[[], object]] = []
        self._spawning: set[int] = set()
        self._is_own: Callable[[FrameType | None], bool] = bool

    def install(self, is_own: Callable[[FrameType | None], bool]) -> None:
        """Put a look in front of the functions that `subprocess` and `multiprocessing` start processes with.

        Args:
            is_own: Tells whether a frame belongs to pytest or to us: then it is nobody's process.
        """
        import _posixsubprocess

        self._is_own = is_own
        fork_exec = self._fork_exec(_posixsubprocess.fork_exec)
        self._exchange(_posixsubprocess, "fork_exec", fork_exec)
        self._exchange(sys.modules.get("subprocess"), "_fork_exec", fork_exec)
        if hasattr(os, "posix_spawn"):
            self._exchange(os, "posix_spawn", self._posix_spawn(os.posix_spawn))

    def _exchange(self, module: ModuleType | None, name: str, hook: object) -> None:
        before = getattr(module, name, None)
        if before is not None:
            setattr(module, name, hook)
            self._undo.append(functools.partial(setattr, module, name, before))

    def uninstall(self) -> None:
        """Put everything back; processes that still run report nowhere."""
        while self._undo:
            self._undo.pop()()
        self.clean()

    def clean(self) -> None:
        """Remove the reports: from now on nobody reads them."""
        import shutil

        if self._is_own_folder():
            shutil.rmtree(self._folder, ignore_errors=True)
        self._folder = ""

    def started(self, event: str, arguments: tuple[object, ...]) -> None:
        """Take an audit event; what `subprocess` starts comes by the hook once more."""
        if event == "subprocess.Popen" and _is_hooked():
            return
        if event == "os.posix_spawn" and get_ident() in self._spawning:
            return
        first = arguments[0] if arguments else None
        if event in {"os.fork", "os.forkpty"} or not isinstance(first, str | bytes | os.PathLike):
            self._opaque()
            return
        text = os.fsdecode(first)
        words = shell_words(text) if event == "os.system" else [text, *_texts(arguments[1])[1:]]
        if not self._is_harmless(words, ""):
            self._opaque()

    def _is_harmless(self, words: list[str], folder: str) -> bool:
        return is_harmless(words, os.path.abspath(folder or "."), self._is_ours)

    def _is_ours(self, path: str) -> bool:
        return Path(os.path.realpath(path)).is_relative_to(self._root)

    def _fork_exec(self, original: Callable[..., int]) -> Callable[..., int]:
        def fork_exec(*arguments: object) -> int:
            __tracebackhide__ = True
            prepared, child = list(arguments), Child()
            frame = sys._getframe().f_back  # noqa: SLF001 - who asks

            def prepare() -> None:
                hidden = arguments[_BEFORE_EXEC]
                if hidden is not None and not isinstance(hidden, BuiltinFunctionType):
                    self._opaque()  # code that runs between fork and exec is seen by nobody
                words, executables = _texts(arguments[_ARGUMENTS]), _texts(arguments[_EXECUTABLES])
                folder, given = _text(arguments[_FOLDER]), arguments[_VARIABLES]
                variables = self._prepare(child, words, executables, folder, given)
                if variables:
                    entries = (f"{name}={value}" for name, value in variables.items())
                    prepared[_VARIABLES] = [os.fsencode(entry) for entry in entries]

            if not self._is_own(frame):
                self._guard(prepare)
            child.pid = pid = original(*prepared)
            return pid

        fork_exec.is_enctest = True  # type: ignore[attr-defined]
        return fork_exec

    def _posix_spawn(self, original: Callable[..., int]) -> Callable[..., int]:
        def posix_spawn(path: object, argv: object, env: object, /, **options: object) -> int:
            __tracebackhide__ = True
            child, given = Child(), [env]
            frame = sys._getframe().f_back  # noqa: SLF001 - who asks

            def prepare() -> None:
                given[0] = self._prepare(child, _texts(argv), [_text(path)], "", env) or env

            if not self._is_own(frame):
                self._guard(prepare)
            self._spawning.add(get_ident())
            try:
                child.pid = pid = original(path, argv, given[0], **options)
            finally:
                self._spawning.discard(get_ident())
            return pid

        return posix_spawn

    def _prepare(
        self,
        child: Child,
        words: list[str],
        executables: list[str],
        folder: str,
        given: object,
    ) -> dict[str, str] | None:
        """Let a process report if it can: return the variables that it needs to, in place of those given."""
        if self._is_harmless(words, folder):
            return None
        variables = dict(_variables(given))
        if not is_recordable(executables, words, os.path.abspath(folder or "."), variables):
            self._opaque()
            return None
        try:
            child.report = os.path.join(self._own_folder(), str(next(self._numbers)))
        except OSError:  # the state folder cannot be written
            self._opaque()
            return None
        self._recorded(child, None if given is None or given is os.environ else dict(variables))
        order = [str(self._root), str(self._folders.parent), child.report]
        path = variables.get("PYTHONPATH")
        variables[VARIABLE] = SEPARATOR.join([*order, "" if path is None else "1", path or "", _PLACE])
        variables["PYTHONPATH"] = os.pathsep.join([_INJECTED, path] if path else [_INJECTED])
        return variables

    def _own_folder(self) -> str:
        """Return the folder of this process's children's reports; a fork of this process makes its own."""
        if not self._is_own_folder():
            self._sweep()
            self._folder = os.path.join(self._folders, f"{os.getpid()}-{os.urandom(6).hex()}")
            os.makedirs(self._folder, mode=0o700)
        return self._folder

    def _is_own_folder(self) -> bool:
        return os.path.basename(self._folder).startswith(f"{os.getpid()}-")

    def _sweep(self) -> None:
        """Remove the folders of processes that are gone."""
        import shutil

        for name in os.listdir(self._folders) if os.path.isdir(self._folders) else ():
            pid = name.partition("-")[0]
            try:
                os.kill(int(pid), 0)
            except ProcessLookupError:
                shutil.rmtree(os.path.join(self._folders, name), ignore_errors=True)
            except (PermissionError, ValueError):
                continue


def _is_hooked() -> bool:
    module = sys.modules.get("subprocess")
    return hasattr(getattr(module, "_fork_exec", None), "is_enctest")


def _text(value: object) -> str:
    return os.fsdecode(value) if isinstance(value, str | bytes | os.PathLike) else ""


def _texts(values: object) -> list[str]:
    return [_text(value) for value in values] if isinstance(values, list | tuple) else []


def _variables(given: object) -> Iterator[tuple[str, str]]:
    """Yield a process's variables: `NAME=value` each, a mapping, or those of this process."""
    if isinstance(given, list | tuple):
        for entry in map(_text, given):
            name, _, value = entry.partition("=")
            yield name, value
    else:
        for key, value in (given if isinstance(given, Mapping) else os.environ).items():
            yield _text(key), _text(value)
