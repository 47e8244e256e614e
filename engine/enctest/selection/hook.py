"""The import hook: project files are compiled with probes, and every import is told to a listener.

No finder is put in front and no loader replaced: `SourceFileLoader.exec_module` itself is exchanged for a
function that does the same, at the same lines, under the same file name, so that modules found by any
finder are covered and tracebacks stay as they are. Files that pytest rewrites go through its own loader.
"""

from __future__ import annotations

import ast
import builtins
import hashlib
import importlib
import importlib.machinery
import os
import sys
import warnings
import weakref
from collections.abc import Callable, Sequence
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any, Protocol

from enctest.selection import rewriting
from enctest.selection.boundary import Boundary
from enctest.selection.bytecode import Bytecode
from enctest.selection.probe import Layout, Section, attach, compile_with_probes
from enctest.selection.revision import Loaded

_EXTERNAL = "<frozen importlib._bootstrap_external>"
_Loader = importlib.machinery.SourceFileLoader

_EXEC_MODULE = """
def exec_module(self, module):
    load = _prepare(self, module)
    if load.code is None:
        load.compile(self.get_code(module.__name__))
    if load.code is None:
        raise ImportError(f"cannot load module {module.__name__!r} when get_code() returns None")
    load.begin()
    try:
        _bootstrap._call_with_frames_removed(exec, load.code, module.__dict__)
    finally:
        load.end()
"""


class Listener(Protocol):
    """Who wants to know of imports."""

    def guard(self, action: Callable[[], object]) -> None:
        """Do something; if it fails, tell, and let the import go on."""

    def declared(self, path: str, digest: str, layout: Layout) -> Section:
        """A project file was compiled; what is returned belongs into its code."""

    def begins(self, path: str, module: ModuleType, imports: tuple[str, ...]) -> object:
        """A project module is about to be executed; returns a token for `ends`."""

    def ends(self, token: object) -> None:
        """A project module was executed, or failed."""

    def sought(self, name: str) -> None:
        """A module was looked for and is nowhere."""

    def asked(self, name: object, package: object) -> None:
        """A module was asked for by a computed name."""


class Load:
    """One execution of a module's file. Foreign files pass through unchanged."""

    def __init__(self, importer: Importer, module: ModuleType, file: str, path: str | None) -> None:
        self._importer = importer
        self._module = module
        self._file = file
        self._path = path
        self._source = b""
        self._known_digest: bytes | None = None
        self._layout: Layout | None = None
        self._section: Section | None = None
        self._token: object = None
        self.code: CodeType | None = None
        self.ours = path is not None

    def lookup(self, variant: str, *, plain: bool = False) -> CodeType | None:
        """Read the source; take the code from the cache if it is there. `plain` wants none."""
        if self._path is None:
            return None
        try:
            with open(self._file, "rb", buffering=0) as stream:
                self._source, self._known_digest = stream.readall(), None
        except OSError:
            return None
        found = None if plain else self._importer.bytecode.load(self._file, variant, self._digest())
        if found is not None:
            self.code = self._attach(*found)
        return self.code

    def compile(self, plain: CodeType | None) -> None:
        """Compile with probes where that can be done; else `plain`, what Python itself made of the file."""
        self.code = plain
        if plain is not None and self._path is not None and type(self._module.__loader__) is _Loader:
            self._importer.listener.guard(lambda: self._compile(plain))

    def _compile(self, plain: CodeType) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Python itself has just given them
            self.code = self.probed("", lambda _: None) or plain

    def fall_back(self, plain: CodeType | None) -> None:
        """Take `plain` if there is no code with probes."""
        if self.code is None:
            self.code = plain

    def probed(self, variant: str, change: Callable[[ast.Module], None]) -> CodeType | None:
        """Compile the source with probes after `change`; None when it does not compile."""
        compiled = compile_with_probes(self._source, self._file, change)
        if compiled is None:
            return None
        code, layout = compiled
        self._importer.bytecode.keep(self._file, variant, self._digest(), code, layout)
        return self._attach(code, layout)

    def begin(self) -> None:
        """The module's code is about to run."""
        if self._path is not None:
            self._importer.listener.guard(self._begin)

    def _begin(self) -> None:
        if self._path is None:
            return
        listener = self._importer.listener
        if self._layout is None:
            self._layout = Layout()
            listener.declared(self._path, self._digest().hex(), self._layout)
        imports = self._layout.imports
        self._importer.loads.setdefault(self._path, []).append(
            Loaded(self._file, weakref.ref(self._module), self.code, self._digest().hex(), self._section)
        )
        self._token = listener.begins(self._path, self._module, imports)

    def end(self) -> None:
        """The module's code has run."""
        if self._path is None and self._module.__name__ == rewriting.MODULE:
            self._importer.listener.guard(lambda: rewriting.install(self._importer))
        if self._token is not None:
            self._importer.listener.guard(lambda: self._importer.listener.ends(self._token))

    def source(self) -> bytes:
        """Return the bytes that were read."""
        return self._source

    def _attach(self, code: CodeType, layout: Layout) -> CodeType:
        if self._path is None:
            return code
        self._layout = layout
        self._section = self._importer.listener.declared(self._path, self._digest().hex(), layout)
        return attach(code, self._section)

    def _digest(self) -> bytes:
        if self._known_digest is None:
            self._known_digest = hashlib.sha256(self._source).digest()
        return self._known_digest


class _Absent:
    """The last finder: asked only for what nobody else has."""

    def __init__(self, sought: Callable[[str], None]) -> None:
        self._sought = sought

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> None:
        """Find nothing, but remember the name."""
        del path, target
        self._sought(name)


class Importer:
    """Installs and removes the hook.

    Args:
        boundary: Says which files are the project's own.
        bytecode: Where compiled files are kept.
        listener: Who wants to know.

    Attributes:
        before: Called with the path of each project file that is about to be imported.
        loads: What was executed so far, by path.
    """

    def __init__(self, boundary: Boundary, bytecode: Bytecode, listener: Listener) -> None:
        self.boundary = boundary
        self.bytecode = bytecode
        self.listener = listener
        self.before: Callable[[str], None] | None = None
        self.loads: dict[str, list[Loaded]] = {}
        self._undo: list[Callable[[], None]] = []

    def install(self) -> None:
        """Hook the loader, the computed imports, the failed ones, and pytest's rewriter if it is there."""
        names = {"_prepare": self._prepare, "_bootstrap": importlib._bootstrap}  # noqa: SLF001 - see the module
        self.exchange(_Loader, "exec_module", _like(_Loader.exec_module, _EXEC_MODULE, names))
        self._hook_import_module()
        finder = _Absent(self.listener.sought)
        sys.meta_path.append(finder)
        self._undo.append(lambda: sys.meta_path.remove(finder))
        rewriting.install(self)

    def uninstall(self) -> None:
        """Put everything back; modules that were imported keep their probes."""
        while self._undo:
            self._undo.pop()()

    def exchange(self, target: Any, name: str, value: object) -> None:
        """Set an attribute until `uninstall`."""
        missing = object()
        before = vars(target).get(name, missing)
        setattr(target, name, value)
        self._undo.append(
            lambda: delattr(target, name) if before is missing else setattr(target, name, before)
        )

    def begin(self, file: str) -> str | None:
        """A module's file is about to be read: tell `before`; return its path if it is the project's own."""
        path = self.boundary.relative(os.path.abspath(file))
        if path is not None and self.before is not None:
            self.before(path)
        return path

    def _prepare(self, loader: importlib.machinery.SourceFileLoader, module: ModuleType) -> Load:
        file = str(loader.path)
        load = Load(self, module, file, self.begin(file))
        if load.ours:
            self.listener.guard(lambda: load.lookup("", plain=type(loader) is not _Loader))
        return load

    def _hook_import_module(self) -> None:
        """Let `importlib.import_module` tell; its code is changed, since others hold the function."""
        function = importlib.import_module
        code = _with_call(function, self.listener.asked)
        if code is not None:
            before, function.__code__ = function.__code__, code
            self._undo.append(lambda: setattr(function, "__code__", before))


def _like(original: Callable[..., object], text: str, names: dict[str, object]) -> FunctionType:
    """Compile a function whose statements stand at the first and last lines of the one it replaces.

    Python cuts import machinery out of tracebacks by file name; pytest shows what is left, with line numbers.
    """
    lines = [line for *_, line in original.__code__.co_lines() if line is not None]
    first, last = min(line for line in lines if line != min(lines)), max(lines)
    tree = ast.parse(text)
    for statement in ast.walk(tree.body[0]):
        if isinstance(statement, ast.expr | ast.stmt):
            late = statement.lineno >= text.splitlines().index("    load.begin()") + 1
            statement.lineno = statement.end_lineno = last if late else first
            statement.col_offset = statement.end_col_offset = 0
    scope: dict[str, Any] = {**names, "__builtins__": builtins, "__name__": original.__module__}
    exec(compile(tree, _EXTERNAL, "exec"), scope)  # noqa: S102 - the text is above
    function = scope["exec_module"]
    function.__qualname__ = original.__qualname__
    return function  # type: ignore[no-any-return]


def _with_call(function: FunctionType | Any, callback: Callable[[object, object], None]) -> CodeType | None:
    """Return the code of `import_module` with `callback(name, package)` at its head, if it can be had."""
    file, line = function.__code__.co_filename, function.__code__.co_firstlineno
    try:
        tree = ast.parse(Path(file).read_bytes())
    except (OSError, SyntaxError):
        return None
    definition = next((node for node in tree.body if getattr(node, "lineno", 0) == line), None)
    if not isinstance(definition, ast.FunctionDef):
        return None
    names = [argument.arg for argument in definition.args.args]
    if names != ["name", "package"]:
        return None
    marker = b"\0enctest: asked\0"
    place = definition.body[1]
    call = ast.Expr(ast.Call(ast.Constant(marker), [ast.Name(name, ast.Load()) for name in names], []))
    definition.body.insert(1, call)
    for node in ast.walk(call):
        if isinstance(node, ast.expr | ast.stmt):
            ast.copy_location(node, place)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "a bytes object is not callable": it is exchanged below
        module = compile(ast.Module([definition], []), file, "exec")
    code = next(constant for constant in module.co_consts if isinstance(constant, CodeType))
    constants = (callback if type(c) is bytes and c == marker else c for c in code.co_consts)
    return code.replace(co_consts=tuple(constants))
