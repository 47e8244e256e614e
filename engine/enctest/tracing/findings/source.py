"""What the source says about a call site: whether it is in a loop, and what could run beside it."""

from __future__ import annotations

import ast
import os
from dataclasses import dataclass

Function = ast.FunctionDef | ast.AsyncFunctionDef
_LARGEST = 200_000
"""Bytes that a source file may have to be read."""
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


@dataclass
class Site:
    """A line of a source file, seen from inside its function.

    Attributes:
        function: The innermost function around the line; None at module level.
        loop: The innermost loop or comprehension of that function around the line.
        statement: The innermost statement at the line, and the block it is in.
    """

    function: Function | None
    loop: ast.AST | None
    statement: ast.stmt | None
    block: list[ast.stmt]

    @property
    def is_async(self) -> bool:
        """Whether the line is in a coroutine."""
        return isinstance(self.function, ast.AsyncFunctionDef)

    @property
    def is_repeated(self) -> bool:
        """Whether the line is in a loop over something, such as the rows of a query."""
        return isinstance(self.loop, (ast.For, ast.AsyncFor, *_COMPREHENSIONS))

    @property
    def polls(self) -> bool:
        """Whether the line is in a `while` loop: it waits for something, as a rule."""
        return isinstance(self.loop, ast.While)

    def awaited_before(self, other: Site) -> bool:
        """Tell whether both stand in one block, this first, and the other needs nothing made in between.

        Only assignments may stand between them: anything else may depend on what came before.
        """
        if self.statement is None or other.statement is None or self.block is not other.block:
            return False
        first, last = self.block.index(self.statement), self.block.index(other.statement)
        if not first < last:
            return False
        between = self.block[first:last]
        if not all(map(_makes_names_only, between)):
            return False
        made = set().union(*map(_names_made, between))
        return made.isdisjoint(_names_used(other.statement)) and _awaits_once(other.statement)


class Sources:
    """Source files of a project, parsed when somebody asks.

    Args:
        root: The project's root.
    """

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self._root = os.fspath(root)
        self._files: dict[str, _File | None] = {}
        self._sites: dict[tuple[str, int], Site | None] = {}

    def site(self, path: str, line: int) -> Site | None:
        """Return what is known of a line; None when the file cannot be read, or has no such line."""
        key = (path, line)
        if key not in self._sites:
            if path not in self._files:
                self._files[path] = _read(os.path.join(self._root, path))
            file = self._files[path]
            self._sites[key] = file.site(line) if file is not None else None
        return self._sites[key]


class _File:
    def __init__(self, tree: ast.Module) -> None:
        self._tree = tree

    def site(self, line: int) -> Site | None:
        """Return what is around a line; None where there is no code."""
        parents: dict[ast.AST, ast.AST] = {}
        innermost: ast.AST | None = None
        level: list[ast.AST] = [self._tree]
        for node in level:  # grows: breadth first, so the last is among the deepest
            for child in ast.iter_child_nodes(node):
                if isinstance(child, ast.stmt | ast.expr):
                    if not child.lineno <= line <= (child.end_lineno or child.lineno):
                        continue
                    innermost = child
                parents[child] = node
                level.append(child)
        if innermost is None:
            return None
        site = Site(None, None, None, [])
        node = innermost
        while not isinstance(node, ast.Module):
            above = parents[node]
            if site.statement is None and isinstance(node, ast.stmt):
                site.statement, site.block = node, _block(above, node)
            if isinstance(node, Function):
                site.function = node
                break
            if site.loop is None and _repeats(node, line):
                site.loop = node
            node = above
        return site


def _repeats(node: ast.AST, line: int) -> bool:
    """Tell whether what stands at `line` happens once for each turn of a loop."""
    if isinstance(node, ast.For | ast.AsyncFor | ast.While):
        return any(each.lineno <= line <= (each.end_lineno or each.lineno) for each in node.body)
    return isinstance(node, _COMPREHENSIONS)


def _block(above: ast.AST | None, statement: ast.stmt) -> list[ast.stmt]:
    for name in ("body", "orelse", "finalbody"):
        block = getattr(above, name, None)
        if isinstance(block, list) and statement in block:
            return block
    return []


def _makes_names_only(statement: ast.stmt) -> bool:
    """Tell whether a statement assigns to local names, and does nothing else that somebody could need."""
    if not isinstance(statement, ast.Assign | ast.AnnAssign):
        return False
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    return not any(
        isinstance(node, ast.Attribute | ast.Subscript) for target in targets for node in ast.walk(target)
    )


def _names_made(statement: ast.stmt) -> set[str]:
    return {
        node.id
        for node in ast.walk(statement)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }


def _names_used(statement: ast.stmt) -> set[str]:
    return {
        node.id
        for node in ast.walk(statement)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    }


def _awaits_once(statement: ast.stmt) -> bool:
    return sum(isinstance(node, ast.Await) for node in ast.walk(statement)) == 1


def _read(path: str) -> _File | None:
    try:
        with open(path, "rb") as stream:
            source = stream.read(_LARGEST + 1)
        return _File(ast.parse(source)) if len(source) <= _LARGEST else None
    except (OSError, SyntaxError, ValueError):  # gone, or half written: nothing is known then
        return None
