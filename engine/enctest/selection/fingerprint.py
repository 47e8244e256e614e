"""What a file says, without its formatting: a hash per function body, and one for the module level."""

from __future__ import annotations

import ast
import hashlib
import sys
import warnings
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

import msgspec

from enctest.selection.constants import candidates, finds_names, readers
from enctest.selection.defaults import is_literal
from enctest.selection.mentions import Reflection, mentioned_words, reflection
from enctest.selection.names import Function, docstring, dotted, functions, imported_names, own_nodes
from enctest.selection.plain import plain_functions

FORMAT = f"4/{sys.version_info.major}.{sys.version_info.minor}"
"""Fingerprints of different formats say nothing about each other: syntax trees differ between Pythons."""

PYTHON_FILES = ("test_*.py", "*_test.py")
"""pytest's default of the setting `python_files`."""

_IGNORED_FIELDS = frozenset({"ctx", "kind", "type_comment", "type_ignores"})
_HARMLESS = frozenset(
    {"pytest.mark", "mark", "mock", "patch", "unittest", "hypothesis", "given", "settings", "example"}
)
_READ_BY_OTHERS = frozenset(
    {"conftest.py", "conf.py", "env.py", "settings.py", "setup.py", "noxfile.py", "tasks.py"}
)
_SUSPECTS = frozenset({ast.Compare, ast.Assert, ast.Call, ast.Subscript, ast.Try, ast.TryStar})
_LITERALS = (
    ast.Tuple, ast.List, ast.Dict, ast.Set, ast.JoinedStr,
    ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp,
)  # fmt: skip
_YIELDS = (ast.Yield, ast.YieldFrom)


class Fingerprint(msgspec.Struct, frozen=True, kw_only=True):
    """What a file says.

    Attributes:
        digest: SHA-256 (hex) of its bytes.
        level: Hash of everything outside function bodies; of the bytes when it is not Python or broken.
        blocks: Qualified function name to hash of its body, in source order.
        heads: Functions whose signature is left out of `level` (see `plain`), each with a hash of it.
        defaults: Functions with default values that are literals, each with a hash of those. They count in
            its block, and neither in `level` nor in `heads`.
        constants: Private constants that only function bodies of the file mention, each with a hash of its
            value. They count in the blocks of those functions, and not in `level`; `readers` names those.
        words: What the file mentions, see `mentions.mentioned_words`.
        reflects: Whose namespaces it goes through.
        classes: Qualified names of its classes.
        imports: Modules that its import statements name, as `names.imported_names` spells them.
        tests: It is a test module: its tests are left out of `level`.
        format: What made it, see `FORMAT`.
    """

    digest: str
    level: str
    blocks: dict[str, str] = {}
    heads: dict[str, str] = {}
    defaults: dict[str, str] = {}
    constants: dict[str, str] = {}
    readers: dict[str, tuple[str, ...]] = {}
    words: bytes = b""
    reflects: Reflection = ""
    classes: tuple[str, ...] = ()
    imports: tuple[str, ...] = ()
    tests: bool = False
    format: str = FORMAT

    def without_bodies(self) -> Fingerprint:
        """Return what it says of everything but function bodies, and of what counts in them."""
        return msgspec.structs.replace(
            self, digest="", blocks={}, defaults={}, constants={}, readers={}, words=b""
        )


def fingerprint(path: str, source: bytes, python_files: Sequence[str] = PYTHON_FILES) -> Fingerprint:
    """Return the fingerprint of a file's content.

    Args:
        path: Path relative to the root, with slashes; only its name and suffix count.
        source: The file's bytes.
        python_files: Patterns of test modules, as in pytest's setting.
    """
    digest = hashlib.sha256(source).hexdigest()
    words = mentioned_words(path, source)
    if not path.endswith(".py"):
        return Fingerprint(digest=digest, level=digest, words=words)
    tests = is_test_module(path, python_files)
    try:
        with warnings.catch_warnings(record=True) as given:
            warnings.simplefilter("always")
            tree = ast.parse(source)
            hasher = _Hasher(tree, tests=tests, doctest=b">>>" in source, plain=_has_plain(path, tests=tests))
            if hasher.may_warn:
                compile(tree, path, "exec", dont_inherit=True)
        # Where warnings are errors, one that Python gives for a function's body fails the import.
        hasher.level += sorted(f"{each.category.__name__} {each.message}" for each in given)
        reflects = reflection(source, tree)
        hasher.settle(private=not (reflects or finds_names(source)))
        blocks = {name: _digest(stream) for name, stream in hasher.blocks.items()}
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return Fingerprint(digest=digest, level=digest, tests=tests, words=words, reflects="any")
    return Fingerprint(
        digest=digest,
        level=_digest(hasher.level),
        blocks=blocks,
        heads={name: _digest(stream) for name, stream in hasher.heads.items()},
        defaults={name: _digest(stream) for name, stream in hasher.defaults.items()},
        constants={name: _digest(hasher.constants[name]) for name in hasher.readers},
        readers=hasher.readers,
        words=words,
        reflects=reflects,
        classes=tuple(hasher.classes),
        imports=tuple(imported_names(tree)),
        tests=tests,
    )


def is_test_module(path: str, python_files: Sequence[str] = PYTHON_FILES) -> bool:
    """Tell whether pytest would collect tests from this file (by its name alone)."""
    name = PurePosixPath(path).name
    return any(
        fnmatchcase(path, pattern) or fnmatchcase(path, f"*/{pattern}")
        if "/" in pattern
        else fnmatchcase(name, pattern)
        for pattern in python_files
    )


def _has_plain(path: str, *, tests: bool) -> bool:
    """Tell whether only the project itself looks for functions in a file."""
    return not tests and PurePosixPath(path).name not in _READ_BY_OTHERS


def _digest(stream: Iterable[str]) -> str:
    return hashlib.blake2b("\x1f".join(stream).encode("utf-8", "surrogatepass"), digest_size=10).hexdigest()


_FIELDS = {
    kind: tuple(field for field in kind._fields if field not in _IGNORED_FIELDS)
    for kind in vars(ast).values()
    if isinstance(kind, type) and issubclass(kind, ast.AST)
}


class _Hasher:
    """Deals the tokens of a syntax tree out to the module level and to a stream per function."""

    def __init__(self, tree: ast.Module, *, tests: bool, doctest: bool, plain: bool) -> None:
        self.level: list[str] = []
        self.classes: list[str] = []
        self.may_warn = False
        named = functions(tree)
        self.blocks: dict[str, list[str]] = {name: [] for name, _ in named}
        self.heads: dict[str, list[str]] = {}
        self.defaults: dict[str, list[str]] = {}
        self.constants: dict[str, list[str]] = {}
        self.readers: dict[str, tuple[str, ...]] = {}
        self._names = {node: name for name, node in named}
        self._tests = tests
        self._doctest = doctest
        loose = dict(plain_functions(tree)) if plain and not doctest else {}
        private = candidates(tree) if plain and not doctest else {}
        for node in tree.body:
            if node in private:
                self.level.append(f"constant {private[node]}")
                self._value(getattr(node, "annotation", None), self.level)
                self._emit(node, self.constants.setdefault(private[node], []))
            elif node in loose:
                head = self.heads[self._names[node]] = [str(loose[node])]
                self._function(node, head, tests=False)
            else:
                self._statement(node, self.level, "", tests=tests)

    def settle(self, *, private: bool) -> None:
        """Deal private constants out to the functions that mention them, or all to the module level."""
        defined = {name.rpartition(".")[2] for name in (*self.blocks, *self.classes)}
        found: dict[str, tuple[str, ...]] = {}
        for name in self.constants:
            others = (tokens for other, tokens in self.constants.items() if other != name)
            outside = (self.level, *self.heads.values(), *others)
            usable = private and name not in defined
            found[name] = readers(name, outside, self.blocks) if usable else ()
        for name, those in found.items():
            if those:
                self.readers[name] = those
            else:
                self.level += self.constants[name]
            for function in those:
                self.blocks[function] += self.constants[name]

    def _statement(self, node: ast.stmt, out: list[str], prefix: str, *, tests: bool) -> None:
        """Emit a statement of a module or class; `tests` says that test functions may stand here."""
        if isinstance(node, Function):
            self._function(node, out, tests=tests)
        elif isinstance(node, ast.ClassDef):
            self._class(node, out, prefix, tests=tests)
        else:
            self._emit(node, out)

    def _class(self, node: ast.ClassDef, out: list[str], prefix: str, *, tests: bool) -> None:
        self.classes.append(prefix + node.name)
        out.append(f"class {node.name}")
        for field in ("type_params", "bases", "keywords", "decorator_list"):
            self._value(getattr(node, field, None), out)
        for child in node.body:
            self._statement(child, out, f"{prefix}{node.name}.", tests=tests)
        out.append("end")

    def _function(self, node: Function, out: list[str], *, tests: bool) -> None:
        block = self.blocks[self._names[node]]
        if tests and node.name.startswith("test"):
            self._signature(node, block)
            for statement in node.body:
                self._emit(statement, block)
            if all(_harmless(decorator) for decorator in node.decorator_list):
                return
            self._signature(node, out)
            return
        self._signature(node, out)
        text = docstring(node)
        if text is not None:
            self._emit(text, out if node.decorator_list or self._doctest else block)
        for statement in node.body[text is not None :]:
            self._emit(statement, block)

    def _signature(self, node: Function, out: list[str]) -> None:
        """Emit what is evaluated when the function is made, and whether a call runs its body at once.

        Literal default values go to its block: a call that uses one runs that.
        """
        lazy = any(isinstance(inner, _YIELDS) for inner in own_nodes(node))
        out.append(f"{type(node).__name__} {node.name} {lazy}")
        self._value(getattr(node, "type_params", None), out)
        literals: list[str] = []
        for field in _FIELDS[ast.arguments]:
            values = getattr(node.args, field)
            if field in {"defaults", "kw_defaults"}:
                self._defaults(values, out, literals)
            else:
                self._value(values, out)
        if literals:
            name = self._names[node]
            self.defaults[name] = literals
            self.blocks[name] += literals
        for field in ("returns", "decorator_list"):
            self._value(getattr(node, field), out)

    def _defaults(self, values: list[ast.expr | None], out: list[str], literals: list[str]) -> None:
        out.append("[")
        for value in values:
            if value is not None and is_literal(value):
                out.append("a literal")
                self._emit(value, literals)
            else:
                self._value(value, out)
        out.append("]")

    def _emit(self, node: ast.AST, out: list[str]) -> None:
        if isinstance(node, Function):
            self._function(node, out, tests=False)
            return
        if isinstance(node, ast.ClassDef):
            self._class(node, out, "", tests=False)
            return
        kind = type(node)
        if kind in _SUSPECTS and _may_warn(node):
            self.may_warn = True
        out.append(kind.__name__)
        for field in _FIELDS[kind]:
            self._value(getattr(node, field, None), out)
        out.append(")")

    def _value(self, value: object, out: list[str]) -> None:
        if isinstance(value, ast.AST):
            self._emit(value, out)
        elif isinstance(value, list):
            out.append("[")
            for item in value:
                self._value(item, out)
            out.append("]")
        else:
            out.append(repr(value))


def _may_warn(node: ast.AST) -> bool:
    """Tell whether Python may give a warning when it compiles this; it does not matter if it does not."""
    if isinstance(node, ast.Compare):
        literal = any(_is_literal(operand) for operand in (node.left, *node.comparators))
        return literal and any(isinstance(operator, ast.Is | ast.IsNot) for operator in node.ops)
    if isinstance(node, ast.Assert):
        return isinstance(node.test, ast.Tuple)
    if isinstance(node, ast.Call):
        return _is_literal(node.func)
    if isinstance(node, ast.Subscript):
        return _is_literal(node.value)
    return bool(getattr(node, "finalbody", None))


def _is_literal(node: ast.expr) -> bool:
    if isinstance(node, ast.Constant):
        return not (node.value is None or isinstance(node.value, bool))
    return isinstance(node, _LITERALS)


def _harmless(decorator: ast.expr) -> bool:
    """Tell whether a test's decorator concerns nothing but the test."""
    name = dotted(decorator)
    return name.startswith("pytest.mark.") or name.partition(".")[0] in _HARMLESS
