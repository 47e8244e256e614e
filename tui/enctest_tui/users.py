"""The tests turned round: from source files and their functions to the tests that run them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from enctest.events import FindUsers, Use, Users

Kind = Literal["file", "whole", "function", "test", "waiting"]


class UserTree:
    """What the explorer has answered so far.

    Attributes:
        files: Source files with how many tests need each; None until the explorer has answered.
        functions: Of each file that was asked for, its functions in the order of their lines.
        tests: Node ids, by path and function; those of function None need the file.
    """

    def __init__(self) -> None:
        self.files: tuple[Use, ...] | None = None
        self.functions: dict[str, tuple[Use, ...]] = {}
        self.tests: dict[tuple[str, str | None], tuple[str, ...]] = {}

    def take(self, answer: Users) -> None:
        """Take an answer in the place of the one before."""
        if answer.path is None:
            self.files = tuple(sorted(answer.uses, key=lambda use: use.name))
            return
        self.tests[answer.path, answer.function] = answer.tests
        if answer.function is None:
            self.functions[answer.path] = tuple(sorted(answer.uses, key=lambda use: (use.line, use.name)))


@dataclass(frozen=True, slots=True)
class UserRow:
    """One line: a file, all of it, a function of it, or a test; `count` tests need it.

    `name` is what is shown, of a test its node id; `line` counts from 1 (0: unknown).
    """

    kind: Kind
    name: str
    path: str
    function: str | None = None
    count: int = 0
    line: int = 0

    @property
    def depth(self) -> int:
        """How far to the right it belongs."""
        return {"file": 0, "whole": 1, "function": 1}.get(self.kind, 1 if self.kind == "waiting" else 2)

    @property
    def folds(self) -> bool:
        """Whether there is something below it."""
        return self.kind not in {"test", "waiting"}

    @property
    def key(self) -> tuple[str, ...]:
        """What it is known by while counts and lines change."""
        return (self.kind, self.path, self.function or "", self.name if self.kind == "test" else "")

    @property
    def question(self) -> FindUsers:
        """What to ask the explorer so that it can be unfolded."""
        return FindUsers(path=self.path, function=self.function)


class UserRows:
    """Visible rows, top to bottom.

    Attributes:
        rows: The rows.
        cursor: Index of the selected row; stays on what it is on when rows come and go.
        filter: What the user typed: words of a path and a function's name.
    """

    def __init__(self, tree: UserTree) -> None:
        self.tree = tree
        self.rows: list[UserRow] = []
        self.cursor = 0
        self.filter = ""
        self._open: set[tuple[str, ...]] = set()
        self._made: dict[tuple[str, str | None], tuple[tuple[str, ...], list[UserRow]]] = {}

    @property
    def selected(self) -> UserRow | None:
        """The row under the cursor."""
        return self.rows[self.cursor] if self.cursor < len(self.rows) else None

    def is_open(self, row: UserRow) -> bool:
        """Say whether what is below a row is shown."""
        return row.key in self._open

    def set_filter(self, text: str) -> None:
        """Show only files and functions with all these words in path and name."""
        self.filter = text
        self.rebuild()

    def rebuild(self) -> None:
        """Compute all rows; the cursor stays, or goes to what was above."""
        anchor = self.selected
        words = self.filter.lower().split()
        self.rows = [row for file in self.tree.files or () for row in self._below(file, words)]
        self.cursor = self._place(anchor) if anchor is not None else 0

    def _below(self, file: Use, words: list[str]) -> Iterator[UserRow]:
        whole = _matches(file.name, words)
        functions = [
            use
            for use in self.tree.functions.get(file.name, ())
            if whole or _matches(f"{file.name}::{use.name}", words)
        ]
        if not whole and not functions:
            return
        row = UserRow("file", file.name, file.name, None, file.tests)
        yield row
        if not self.is_open(row):
            return
        if file.name not in self.tree.functions:
            yield UserRow("waiting", "…", file.name)
            return
        if whole:
            yield from self._with_tests(UserRow("whole", "the whole file", file.name, None, file.tests))
        for use in functions:
            yield from self._with_tests(
                UserRow("function", use.name, file.name, use.name, use.tests, use.line)
            )

    def _with_tests(self, row: UserRow) -> Iterator[UserRow]:
        yield row
        if self.is_open(row):
            yield from self._tests_of(row)

    def _tests_of(self, row: UserRow) -> list[UserRow]:
        """Return the rows of the tests below a row, made once for each answer."""
        place = (row.path, row.function)
        tests = self.tree.tests.get(place, ())
        made = self._made.get(place)
        if made is None or made[0] is not tests:
            made = self._made[place] = (tests, [UserRow("test", test, *place) for test in tests])
        return made[1]

    def _place(self, anchor: UserRow) -> int:
        if self.selected is not None and self.selected.key == anchor.key:
            return self.cursor
        function = UserRow("function", "", anchor.path, anchor.function)
        for wanted in (anchor, function, UserRow("file", "", anchor.path)):
            for place, row in enumerate(self.rows):
                if row.path == wanted.path and row.kind == wanted.kind and row.key == wanted.key:
                    return place
        return max(0, min(self.cursor, len(self.rows) - 1))

    def fold(self, row: UserRow, open_: bool) -> bool:
        """Open or close a row; say whether that changed anything."""
        if not row.folds or self.is_open(row) == open_:
            return False
        (self._open.add if open_ else self._open.discard)(row.key)
        self.rebuild()
        return True

    def fold_all(self) -> None:
        """Close everything."""
        self._open.clear()
        self.rebuild()

    def parent(self, index: int) -> int | None:
        """Return the row above a row that it belongs to."""
        depth = self.rows[index].depth
        return next((at for at in range(index - 1, -1, -1) if self.rows[at].depth < depth), None)

    def go_to(self, path: str, line: int) -> bool:
        """Open a file at the function that holds `line` (from 1); False while its functions are not known.

        The cursor comes to the function, or to the file when the line is in none.
        """
        self._open.add(UserRow("file", path, path).key)
        inside = [use for use in self.tree.functions.get(path, ()) if 0 < use.line <= line]
        target = UserRow("file", path, path)
        if inside:
            use = inside[-1]
            target = UserRow("function", use.name, path, use.name)
            self._open.add(target.key)
        self.rebuild()
        self.cursor = self._place(target)
        return path in self.tree.functions

    def knows(self, path: str) -> bool:
        """Say whether any test is known to need a file."""
        return any(file.name == path for file in self.tree.files or ())

    def questions(self) -> Iterable[FindUsers]:
        """Yield what to ask so that all that is open can be shown, or shown anew."""
        yield FindUsers()
        for row in self.rows:
            if row.kind in {"file", "function"} and self.is_open(row):
                yield row.question


def _matches(name: str, words: list[str]) -> bool:
    shown = name.lower()
    return all(word in shown for word in words)
