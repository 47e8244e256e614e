"""Runs first in a Python process that a recorded test starts, and lets it be recorded.

It takes back what brought it here, so that the process finds the environment that it was given, and hands
over to the `sitecustomize` that it hides, if there is one. Nothing else is imported until the process comes
near the project (a module of it, a file, another process): what stays away from it starts as fast as ever.
If anything fails there is no report, and what started the process counts as reached by every change.
"""

import _frozen_importlib_external as machinery
import atexit
import os
import sys
from _thread import get_ident

TYPE_CHECKING = False  # typing takes longer to import than everything here
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType, ModuleType
    from typing import Any

    from enctest.selection.processes.recording import Recording

VARIABLE = "ENCTEST_PROCESS"
"""Says what to do, see `enctest.selection.processes.started`."""
SEPARATOR = "\x1f"

_STARTS = frozenset(
    {"subprocess.Popen", "os.posix_spawn", "os.spawn", "os.system", "os.exec", "os.fork", "os.forkpty"}
)
_LISTS = frozenset({"os.listdir", "os.scandir"})
_EVENTS = _STARTS | _LISTS | {"open", "import"}
_LAUNCHER = "_posixsubprocess"
_IMPORT_FILE = "<frozen importlib._bootstrap_external>"


class Scout:
    """Waits until the process comes near the project, and then has it recorded.

    Args:
        root: The project's root, resolved.
        state: Its state folder.
        report: The file that is written at the end.
        places: Folders that enctest and what it needs can be imported from.
    """

    def __init__(self, root: str, state: str, report: str, places: list[str]) -> None:
        self._root = os.path.join(root, "")
        self._state = state
        self._report = report
        self._places = places
        self._pid = os.getpid()
        self._near: dict[str, bool] = {}
        self._absent: list[str] = []
        self._begun = self._failed = self._launching = False
        self._busy = 0
        self._put_back: Callable[[], object] = int
        self._recording: Recording | None = None
        prefix = os.path.join(os.path.realpath(sys.prefix), "")
        self._foreign = prefix if prefix != self._root else os.devnull

    def post(self) -> None:
        """Listen to imports, reads and starts."""
        atexit.register(_quietly, self._finish)
        sys.meta_path.append(self)
        setattr(machinery.SourceFileLoader, "exec_module", _exec_module(self))  # noqa: B010 - mypy knows better
        sys.addaudithook(_hear(self))

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        """Find nothing, but remember the name: nobody has it."""
        del path, target
        self._absent.append(name)

    def importing(self, path: str) -> None:
        """A source file is about to be imported."""
        if self._is_near(path):
            self._wake()

    def heard(self, event: str, arguments: tuple[object, ...], frame: "FrameType | None") -> None:
        """Python raised an audit event."""
        if (self._begun and not self._busy) or not self._concerns(event, arguments, frame):
            return
        if self._wake() and self._recording is not None:
            self._recording.heard(event, arguments, frame)

    def _guard_launcher(self) -> None:
        """Wake when the function is called that starts processes; its module is about to be imported."""
        self._launching = True
        import _posixsubprocess

        original = _posixsubprocess.fork_exec

        def fork_exec(*arguments: "Any") -> int:
            _quietly(self._wake)
            now = _posixsubprocess.fork_exec
            return (original if now is fork_exec else now)(*arguments)

        def put_back() -> None:
            for module, name in (
                (_posixsubprocess, "fork_exec"),
                (sys.modules.get("subprocess"), "_fork_exec"),
            ):
                if getattr(module, name, None) is fork_exec:
                    setattr(module, name, original)

        self._put_back = put_back
        setattr(_posixsubprocess, "fork_exec", fork_exec)  # noqa: B010 - mypy knows better

    def _concerns(self, event: str, arguments: tuple[object, ...], frame: "FrameType | None") -> bool:
        if event == "open":
            return self._is_near(arguments[0])
        if event == "import":
            if arguments[0] == _LAUNCHER and not (self._begun or self._launching):
                self._guard_launcher()
            return self._is_near(arguments[1])
        if event in _LISTS:
            if frame is not None and frame.f_code.co_filename == _IMPORT_FILE:
                return False
            folder = "." if arguments[0] is None else arguments[0]
            return isinstance(folder, (str, bytes, os.PathLike)) and self._is_near(
                os.path.join(os.fsdecode(folder), "_")
            )
        return True

    def _is_near(self, path: object) -> bool:
        """Tell whether a file may be the project's: in its root, and not installed."""
        if not isinstance(path, (str, bytes, os.PathLike)):
            return False
        folder = os.path.dirname(os.path.abspath(os.fsdecode(path)))
        try:
            return self._near[folder]
        except KeyError:
            real = os.path.join(os.path.realpath(folder), "")
            near = real.startswith(self._root) and not real.startswith(self._foreign)
            self._near[folder] = near = near and "site-packages" not in real
            return near

    def _wake(self) -> bool:
        """Begin to record, unless that is done already; tell whether it was this call that did."""
        if not self._begun:
            self._begin()
            return True
        if self._busy and self._busy != get_ident():
            self._failed = True  # another thread has only begun to record: what this one does is not seen
        return False

    def _begin(self) -> None:
        self._begun, self._busy = True, get_ident()
        before = list(sys.path)
        try:
            sys.meta_path.remove(self)
            self._put_back()
            del machinery.SourceFileLoader.exec_module
            sys.path += [place for place in self._places if place not in before]
            from enctest.selection.processes.recording import Recording

            self._recording = Recording(self._root, self._state, self._absent)
        except Exception:  # noqa: BLE001 - the process must go on as if nothing were here; no report says so
            self._failed = True
        finally:
            sys.path[:] = before
            self._busy = 0

    def _finish(self) -> None:
        """Write the report, unless this is a fork of the process that was to be recorded."""
        if os.getpid() != self._pid:
            return
        files = [getattr(module, "__dict__", {}).get("__file__") for module in list(sys.modules.values())]
        if any(self._is_near(file) for file in files):
            self._wake()
        if self._failed:
            return
        if self._recording is None:
            _write(self._report, "\n".join(["", *self._absent]).encode("utf-8", "surrogateescape"))
        else:
            _write(self._report, self._recording.finish())


def _exec_module(scout: Scout) -> "Callable[[machinery.SourceFileLoader, ModuleType], None]":
    original = machinery.SourceFileLoader.exec_module

    def exec_module(self: machinery.SourceFileLoader, module: "ModuleType") -> None:
        _quietly(scout.importing, self.path)
        now = machinery.SourceFileLoader.exec_module
        (original if now is exec_module else now)(self, module)

    # Python leaves its import machinery out of tracebacks by the name of the file.
    exec_module.__code__ = exec_module.__code__.replace(co_filename=_IMPORT_FILE)
    return exec_module


def _hear(scout: Scout) -> "Callable[[str, tuple[object, ...]], None]":
    def hear(event: str, arguments: tuple[object, ...]) -> None:
        if event in _EVENTS:  # asking for the frame is an event as well
            _quietly(scout.heard, event, arguments, sys._getframe().f_back)  # noqa: SLF001 - who asks

    return hear


def _write(path: str, data: bytes) -> None:
    part = f"{path}.part"
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        while data:
            data = data[os.write(descriptor, data) :]
    finally:
        os.close(descriptor)
    os.rename(part, path)


def _quietly(action: "Callable[..., object]", *arguments: object) -> None:
    """Do something; if it fails there will be no report, which is an answer."""
    try:  # noqa: SIM105 - as below
        action(*arguments)
    except Exception:  # noqa: BLE001, S110 - contextlib is not imported yet; the process must go on as if nothing were here
        pass


def _post() -> None:
    """Put the environment and the search path back as they were meant to be, and post the scout."""
    text = os.environ.pop(VARIABLE, None)
    if text is None:
        return
    folder = os.path.dirname(__file__)
    sys.path.remove(folder)
    sys.path_importer_cache.pop(folder, None)
    root, state, report, has_path, path, *places = text.split(SEPARATOR)
    if has_path:
        os.environ["PYTHONPATH"] = path
    else:
        os.environ.pop("PYTHONPATH", None)
    Scout(root, state, report, places).post()


def _hand_over() -> None:
    """Import the `sitecustomize` that this one hides; if there is none, say so as Python would."""
    sys.modules.pop(__name__, None)
    import sitecustomize  # type: ignore[import-not-found]  # noqa: F401


if __name__ == "sitecustomize":
    _quietly(_post)
    _hand_over()
