"""The tests turned round: from a file, or a function of it, to the tests that need it."""

from __future__ import annotations

import ast
from array import array
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from enctest.events import Use, Users
from enctest.selection.index import DependencyIndex, File
from enctest.selection.names import functions


def find_users(
    index: DependencyIndex, root: Path, path: str | None = None, function: str | None = None
) -> Users:
    """Return who needs what.

    A test needs a file when it ran a function of it, is in it, or read it; of a file whose functions no test
    runs (constants, class bodies), when it imports the file, directly or not.

    Args:
        index: What is known.
        root: The project's root, for line numbers.
        path: A file relative to the root; None asks for all files that any test needs.
        function: A qualified name; None asks for all functions of the file.
    """
    if path is None:
        uses = (Use(name=file.path, tests=count) for file, count in _files(index))
        return Users(path=None, uses=tuple(sorted(uses, key=lambda use: use.name)))
    file = index.files.get(path)
    if file is None:
        return Users(path=path, function=function)
    if function is not None:
        number = file.names.get(function, -1)
        tests = (test for test, _ in index.prepare().ran((number,), 1 << file.number))
        return Users(path=path, function=function, tests=tuple(sorted(tests)))
    return Users(
        path=path, uses=tuple(_functions(index, root, file)), tests=tuple(sorted(_tests(index, file)))
    )


def _files(index: DependencyIndex) -> Iterator[tuple[File, int]]:
    inverse = index.prepare()
    direct: Counter[int] = Counter()
    for group in inverse.groups():
        for number in array("I", group.needs):
            direct[number] += len(group.tests)
    for file in index.files.values():
        count = direct[file.number] + len(inverse.by_file.get(file.path, ()))
        if not count and file.digest:
            count = sum(len(group.tests) for group in inverse.groups(index.mask_of_importers(file.path)))
        if count:
            yield file, count


def _tests(index: DependencyIndex, file: File) -> set[str]:
    inverse = index.prepare()
    found = {test for group in inverse.groups(1 << file.number) for test in group.tests}
    found |= inverse.by_file.get(file.path, set())
    if not found and file.digest:
        mask = index.mask_of_importers(file.path)
        found = {test for group in inverse.groups(mask) for test in group.tests}
    return found


def _functions(index: DependencyIndex, root: Path, file: File) -> Iterator[Use]:
    if file.fingerprint is None:
        return
    counts: Counter[int] = Counter()
    for group in index.prepare().groups(1 << file.number):
        for test in group.tests:
            counts.update(array("I", index.tests[test].blocks))
    lines = _lines(root / file.path)
    for name in file.fingerprint.blocks:
        number = file.names.get(name, -1)
        yield Use(name=name, tests=counts[number], line=lines.get(name, 0))


def _lines(path: Path) -> dict[str, int]:
    """Return the line of each function; none where the file cannot be read now."""
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return {}
    return {name: node.lineno for name, node in functions(tree)}
