"""The processes that this one starts: those that will be this very Python are made to report."""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import BuiltinFunctionType, FrameType

import enctest
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
        needs: What it did, in the terms of this process; None while that is not known.
    """

    def __init__(self) -> None:
        self.pid = 0
        self.report = ""
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
        recorded: Takes a process that will report, when it is about to start.
        opaque: Called when a process is started whose work will not be seen.
        guard: Does something and keeps its exceptions.
    """

    def __init__(
        self,
        root: Path,
        state: Path,
        recorded: Callable[[Child], None],
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
        self._undo: list[Callable[[], None]] = []

    def install(self, is_own: Callable[[FrameType | None], bool]) -> None:
        """Put a look in front of the function that `subprocess` and `multiprocessing` start processes with.

        Args:
            is_own: Tells whether a frame belongs to pytest or to us: then it is nobody's process.
        """
        import _posixsubprocess

        hook = self._hook(_posixsubprocess.fork_exec, is_own)
        for name, attribute in (("_posixsubprocess", "fork_exec"), ("subprocess", "_fork_exec")):
            module = sys.modules.get(name)
            before = vars(module).get(attribute) if module is not None else None
            if before is not None:
                setattr(module, attribute, hook)
                self._undo.append(lambda module=module, name=attribute, it=before: setattr(module, name, it))  # type: ignore[misc]

    def uninstall(self) -> None:
        """Put everything back; processes that still run report nowhere."""
        import shutil

        while self._undo:
            self._undo.pop()()
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = ""

    def started(self, event: str, arguments: tuple[object, ...]) -> None:
        """Take an audit event; what `subprocess` starts comes by the hook once more."""
        if event == "subprocess.Popen" and _is_hooked():
            return
        first = arguments[0] if arguments else None
        if event in {"os.fork", "os.forkpty"} or not isinstance(first, str | bytes | os.PathLike):
            self._opaque()
            return
        text = os.fsdecode(first)
        if not is_harmless(shell_words(text) if event == "os.system" else [text]):
            self._opaque()

    def _hook(
        self, original: Callable[..., int], is_own: Callable[[FrameType | None], bool]
    ) -> Callable[..., int]:
        def fork_exec(*arguments: object) -> int:
            __tracebackhide__ = True
            prepared, child = list(arguments), Child()
            frame = sys._getframe().f_back  # noqa: SLF001 - who asks
            if not is_own(frame):
                self._guard(lambda: self._prepare(prepared, child))
            pid = original(*prepared)
            child.pid = pid
            return pid

        fork_exec.is_enctest = True  # type: ignore[attr-defined]
        return fork_exec

    def _prepare(self, arguments: list[object], child: Child) -> None:
        """Change the environment of a process that can be recorded, and tell who it is."""
        words = _texts(arguments[_ARGUMENTS])
        if is_harmless(words):
            return
        hidden = arguments[_BEFORE_EXEC]
        folder = os.path.abspath(_text(arguments[_FOLDER]) or ".")
        variables = dict(_variables(arguments[_VARIABLES]))
        executables = _texts(arguments[_EXECUTABLES])
        if hidden is not None and not isinstance(hidden, BuiltinFunctionType):
            self._opaque()  # code that runs between fork and exec is seen by nobody
        if not is_recordable(executables, words, folder, variables):
            self._opaque()
            return
        child.report = os.path.join(self._own_folder(), str(next(self._numbers)))
        self._recorded(child)
        order = [str(self._root), str(self._folders.parent), child.report]
        path = variables.get("PYTHONPATH")
        variables[VARIABLE] = SEPARATOR.join([*order, "" if path is None else "1", path or "", _PLACE])
        variables["PYTHONPATH"] = os.pathsep.join([_INJECTED, path] if path else [_INJECTED])
        arguments[_VARIABLES] = [os.fsencode(f"{name}={value}") for name, value in variables.items()]

    def _own_folder(self) -> str:
        """Return the folder of this process's children's reports; a fork of this process makes its own."""
        name = f"{os.getpid()}-{os.urandom(6).hex()}"
        if not os.path.basename(self._folder).startswith(f"{os.getpid()}-"):
            self._sweep()
            self._folder = os.path.join(self._folders, name)
            os.makedirs(self._folder, mode=0o700)
        return self._folder

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
    """Yield a process's variables: `NAME=value` each, or those of this process."""
    if isinstance(given, list | tuple):
        for entry in map(_text, given):
            name, _, value = entry.partition("=")
            yield name, value
    else:
        yield from os.environ.items()
