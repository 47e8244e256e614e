"""Checks what no linter does: files of at most 400 lines, functions of at most 60; no marks of a merge."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FILE, FUNCTION = 400, 60
SKIPPED = ("projects", ".venv", "demo")
TEXTS = ("*.md", "*.toml", "*.txt", "Makefile")
MARKS = ("<" * 7 + " ", ">" * 7 + " ")


def violations(path: Path) -> Iterator[str]:
    """Yield what is too long in a file, as `path:line: what`."""
    source = path.read_text(encoding="utf-8")
    name = path.relative_to(ROOT)
    lines = source.count("\n")
    if lines > FILE:
        yield f"{name}:1: {lines} lines, at most {FILE}"
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > FUNCTION:
                yield f"{name}:{node.lineno}: {node.name} has {length} lines, at most {FUNCTION}"


def unmerged(path: Path) -> Iterator[str]:
    """Yield the lines of a text that a merge has left, as `path:line: what`."""
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if line.startswith(MARKS):
            yield f"{path.relative_to(ROOT)}:{number}: left by a merge: {line}"


def main() -> int:
    """Print violations; 1 when there are any."""
    found = [
        violation
        for folder in ("engine", "tui", "tests")
        for path in sorted((ROOT / folder).rglob("*.py"))
        if not any(part in SKIPPED or part.startswith(".") for part in path.relative_to(ROOT).parts)
        for violation in violations(path)
    ]
    found += [mark for glob in TEXTS for path in sorted(ROOT.glob(glob)) for mark in unmerged(path)]
    for violation in found:
        print(violation)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
