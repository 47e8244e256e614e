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
    from collections.abc import Callable, Iterator
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
_LOOKS = ("stat", "lstat", "access")
_EVENTS = _STARTS | _LISTS | {"open", "import"}
_LAUNCHER = "_posixsubprocess"
_IMPORT_FILE = "<frozen importlib._bootstrap_external>"


class Scout:
    """Waits until the process comes near the project, and then has it recorded.

    Args:
        root: The project's root, resolved.
        state: Its state folder.
        report: The file that is written at the end.
        place: The folder that enctest can be imported from.
    """

    def __init__(self, root: str, state: str, report: str, place: str) -> None:
        self._root = os.path.join(root, "")
        self._state = state
        self._report = report
        self._place = place
        self._pid = os.getpid()
        self._near: dict[str, bool] = {}
        self._absent: list[str] = []
        self._begun = self._failed = self._launching = False
        self._busy = self._looking = 0
        self._undo: list[Callable[[], object]] = []
        self._read: set[str] = set()
        self._recording: Recording | None = None
        prefix = os.path.join(os.path.realpath(sys.prefix), "")
        self._foreign = prefix if prefix != self._root else os.devnull

    def post(self) -> None:
        """Listen to imports, reads and starts."""
        atexit.register(_quietly, self._finish)
        sys.meta_path.append(self)
        setattr(machinery.SourceFileLoader, "exec_module", _exec_module(self))  # noqa: B010 - mypy knows better
        sys.addaudithook(_hear(self))
        for name in _LOOKS:
            self._front(((os, name),), self._is_near)
        if hasattr(os, "posix_spawn"):
            self._front(((os, "posix_spawn"),), lambda _: True)
        self._watch_variables()

    def _watch_variables(self) -> None:
        """Note which environment variables are read, below all ways to read them."""

        def exchange(data: "dict[bytes, bytes]") -> None:
            for environ in (os.environ, os.environb):  # they share it
                vars(environ)["_data"] = data

        noting = _noting(vars(os.environ)["_data"], self._read)
        exchange(noting)
        self._undo.append(lambda: exchange(dict(dict.items(noting))))

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

        copies = (_posixsubprocess, "fork_exec"), ("subprocess", "_fork_exec")
        self._front(copies, lambda _: True)

    def _front(self, places: "tuple[tuple[Any, str], ...]", concerns: "Callable[[Any], bool]") -> None:
        """Put a function in front of another until the process is recorded: it wakes if its argument counts.

        Args:
            places: (module or its name, attribute): where it is, and where copies of it may turn up.
            concerns: Tells whether a first argument counts.
        """
        module, attribute = places[0]
        original = getattr(module, attribute)

        def front(*arguments: "Any", **options: "Any") -> "Any":
            if not self._begun:
                _quietly(
                    lambda: concerns(arguments[0] if arguments else options.get("path")) and self._wake()
                )
            now = getattr(module, attribute)
            return (original if now is front else now)(*arguments, **options)

        def put_back() -> None:
            for place, name in places:
                found = sys.modules.get(place) if isinstance(place, str) else place
                if getattr(found, name, None) is front:
                    setattr(found, name, original)

        for functions in (os.supports_dir_fd, os.supports_effective_ids, os.supports_follow_symlinks):
            if original in functions:
                functions.add(front)
        front.__name__, front.__qualname__, front.__module__ = attribute, attribute, module.__name__
        setattr(module, attribute, front)
        self._undo.append(put_back)

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
        if self._looking and self._looking == get_ident():
            return False
        folder = os.path.dirname(os.path.abspath(os.fsdecode(path)))
        known = self._near.get(folder)
        if known is not None:
            return known
        self._looking = get_ident()  # `realpath` looks at files, too
        try:
            real = os.path.join(os.path.realpath(folder), "")
        finally:
            self._looking = 0
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
            for undo in self._undo:
                undo()
            del machinery.SourceFileLoader.exec_module
            sys.path.append(self._place)
            from enctest.selection.processes.recording import Recording

            self._recording = Recording(self._root, self._state, self._absent, self._read)
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
            names = "\n".join(["", *self._absent, *self._read])
            _write(self._report, names.encode("utf-8", "surrogateescape"))
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


def _noting(data: "dict[bytes, bytes]", read: "set[str]") -> "dict[bytes, bytes]":
    """Return a dictionary like `data` that notes in `read` what is read: `$NAME`, or `$*` for all of it."""

    class Noting(dict[bytes, bytes]):
        def __getitem__(self, key: bytes) -> bytes:
            read.add("$" + os.fsdecode(key))
            return dict.__getitem__(self, key)

        def __iter__(self) -> "Iterator[bytes]":
            read.add("$*")
            return dict.__iter__(self)

        def items(self) -> "Any":
            read.add("$*")
            return dict.items(self)

        def __reduce__(self) -> "Any":
            return dict, (dict(dict.items(self)),)

    return Noting(data)


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
    root, state, report, has_path, path, place = text.split(SEPARATOR)
    if has_path:
        os.environ["PYTHONPATH"] = path
    else:
        os.environ.pop("PYTHONPATH", None)
    Scout(root, state, report, place).post()


def _hand_over() -> None:
    """Import the `sitecustomize` that this one hides; if there is none, say so as Python would."""
    sys.modules.pop(__name__, None)
    import sitecustomize  # type: ignore[import-not-found]  # noqa: F401


if __name__ == "sitecustomize":
    _quietly(_post)
    _hand_over()
