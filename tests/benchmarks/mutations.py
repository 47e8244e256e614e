"""Small changes of source and data files, each of a kind that people make by mistake; the same for a seed."""

from __future__ import annotations

import ast
import copy
import math
import random
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

_SWAPS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.And: ast.Or,
    ast.Or: ast.And,
}
_REMOVABLE = (ast.Assign, ast.AugAssign, ast.Expr, ast.Raise, ast.Return, ast.Delete)
_DATA = "data"
_FEW = 30
"""One in so many mutants, at least, is of each kind."""
_PLACES = (ast.Module, ast.ClassDef)
_Function = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True)
class Mutant:
    """One change.

    Attributes:
        path: The file, relative to the project's root.
        kind: What is changed in it.
        line: Where, from 1.
        start, end: The bytes that are replaced.
        text: What they are replaced by.
    """

    path: str
    kind: str
    line: int
    start: int
    end: int
    text: str

    @property
    def name(self) -> str:
        """What identifies it among all mutants of a project."""
        return f"{self.path}:{self.line}:{self.start}: {self.kind}: {self.text!r}"

    def apply(self, root: Path) -> bytes:
        """Write the changed file; return what it held before."""
        file = root / self.path
        before = file.read_bytes()
        file.write_bytes(before[: self.start] + self.text.encode() + before[self.end :])
        return before


def sample(root: Path, sources: Iterable[str], data: Iterable[str], count: int, seed: int) -> list[Mutant]:
    """Return up to `count` mutants: a few of each kind, the others from wherever something can be changed.

    Args:
        root: The project's root.
        sources: Python files to change, relative to it.
        data: Other files to change.
        count: How many.
        seed: Decides which.
    """
    kinds: dict[str, list[Mutant]] = {}
    for path in sorted(sources):
        for mutant in _of_source(path, (root / path).read_bytes()):
            kinds.setdefault(mutant.kind, []).append(mutant)
    for path in sorted(data):
        for mutant in _of_data(path, (root / path).read_bytes()):
            kinds.setdefault(mutant.kind, []).append(mutant)
    chooser = random.Random(seed)  # noqa: S311 - a sample, no secret
    piles = [chooser.sample(pile, len(pile)) for _, pile in sorted(kinds.items())]
    few = math.ceil(count / _FEW)
    chosen = [mutant for pile in piles for mutant in pile[:few]]
    rest = [mutant for pile in piles for mutant in pile[few:] if mutant.kind != _DATA]
    return [*chosen, *chooser.sample(rest, min(len(rest), max(0, count - len(chosen))))][:count]


def _of_source(path: str, source: bytes) -> Iterator[Mutant]:
    lines = source.splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    for node, new, kind in _changes(ast.parse(source)):
        start = starts[node.lineno - 1] + node.col_offset
        end = starts[(node.end_lineno or node.lineno) - 1] + (node.end_col_offset or 0)
        if kind == "decorator removed":
            start = source.rindex(b"@", 0, start)
        mutant = Mutant(path, kind, node.lineno, start, end, new)
        changed = source[:start] + new.encode() + source[end:]
        if _compiles(changed) and changed != source:
            yield mutant


def _of_data(path: str, content: bytes) -> Iterator[Mutant]:
    start = 0
    for number, line in enumerate(content.splitlines(keepends=True), 1):
        text = line.strip()
        if text and line.isascii():
            begin = start + line.index(text)
            yield Mutant(path, _DATA, number, begin, begin + len(text), text.decode()[::-1])
        start += len(line)


def _compiles(source: bytes) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            compile(source, "mutant", "exec", dont_inherit=True)
        except (SyntaxError, ValueError):
            return False
    return True


_Located = ast.expr | ast.stmt


def _changes(tree: ast.Module) -> Iterator[tuple[_Located, str, str]]:
    """Yield (node, its new text, kind)."""
    for parent, node in _walk(tree):
        at_level = isinstance(parent, _PLACES)
        if isinstance(node, _REMOVABLE) and not _is_docstring(node):
            yield node, "pass", "module level" if at_level else "statement removed"
        if isinstance(node, _Function):
            yield from _in_signature(node)
        elif isinstance(node, ast.Assign | ast.AnnAssign) and at_level and node.value is not None:
            constants = (inner for inner in ast.walk(node.value) if isinstance(inner, ast.Constant))
            yield from ((inner, _other(inner), "module-level constant") for inner in constants)
        elif isinstance(node, ast.If):
            yield node.test, f"(not ({ast.unparse(node.test)}))", "condition"
        elif isinstance(node, ast.Constant) and not isinstance(parent, ast.Expr):
            yield node, _other(node), "constant"
        elif isinstance(node, ast.Compare | ast.BinOp | ast.BoolOp):
            yield node, _swapped(node), "operator"


def _in_signature(node: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[tuple[_Located, str, str]]:
    for decorator in node.decorator_list:
        yield decorator, "", "decorator removed"
    for default in (*node.args.defaults, *filter(None, node.args.kw_defaults)):
        if isinstance(default, ast.Constant):
            yield default, _other(default), "default argument"


def _walk(tree: ast.Module) -> Iterator[tuple[ast.AST, ast.AST]]:
    """Yield (parent, node), without what is in f-strings (their places are not exact) and annotations."""
    pending: list[ast.AST] = [tree]
    while pending:
        parent = pending.pop()
        for field, value in ast.iter_fields(parent):
            if field in {"annotation", "returns"} or isinstance(value, ast.JoinedStr):
                continue
            for node in value if isinstance(value, list) else [value]:
                if isinstance(node, ast.AST) and not isinstance(node, ast.JoinedStr):
                    yield parent, node
                    pending.append(node)


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _other(node: ast.Constant) -> str:
    """Return the text of another constant of the same kind."""
    value = node.value
    if isinstance(value, bool):
        return repr(not value)
    if isinstance(value, str):
        return repr(f"{value}x")
    if isinstance(value, bytes):
        return repr(value + b"x")
    if isinstance(value, int | float):
        return repr(value + 1)
    return "0" if value is None else "None"


def _swapped(node: ast.Compare | ast.BinOp | ast.BoolOp) -> str:
    """Return the text of the expression with its (first) operator exchanged; nothing if it has no other."""
    changed = copy.deepcopy(node)
    operator = changed.ops[0] if isinstance(changed, ast.Compare) else changed.op
    other = _SWAPS.get(type(operator))
    if other is None:
        return ""
    if isinstance(changed, ast.Compare):
        changed.ops[0] = other()  # type: ignore[call-overload]
    else:
        changed.op = other()  # type: ignore[assignment]
    return f"({ast.unparse(changed)})"
