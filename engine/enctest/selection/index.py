"""The explorer's side: who depends on what, in memory."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

import msgspec

from enctest.dependencies import BlocksDeclared, DependencyRecord, ModuleRecorded, TestRecorded
from enctest.selection.affected import Answer, Graph
from enctest.selection.fingerprint import Fingerprint
from enctest.selection.former import Former
from enctest.selection.inverse import Inverse
from enctest.selection.rows import Affection, Changes, FileRow, FormerRow, TestRow
from enctest.selection.run import Run

T = TypeVar("T")


class File:
    """A project file: see `rows.FileRow`."""

    __slots__ = (
        "absent",
        "blocks",
        "digest",
        "files",
        "fingerprint",
        "imports",
        "names",
        "number",
        "opaque",
        "path",
    )

    def __init__(self, path: str, number: int) -> None:
        self.path = path
        self.number = number
        self.fingerprint: Fingerprint | None = None
        self.digest = ""
        self.names: dict[str, int] = {}
        self.forget_import()

    def forget_import(self) -> None:
        """Forget what importing it needed."""
        self.imports: set[str] = set()
        self.blocks: set[int] = set()
        self.files: set[str] = set()
        self.absent: set[str] = set()
        self.opaque = False

    def row(self) -> FileRow:
        """Return what is to be stored."""
        return FileRow(
            path=self.path,
            number=self.number,
            fingerprint=self.fingerprint,
            digest=self.digest,
            names=self.names,
            imports=tuple(sorted(self.imports)),
            blocks=tuple(sorted(self.blocks)),
            files=tuple(sorted(self.files)),
            absent=tuple(sorted(self.absent)),
            opaque=self.opaque,
        )

    def needs_again(self, row: FileRow) -> None:
        """Add what importing it needed when it was in another state."""
        self.imports.update(row.imports)
        self.blocks.update(row.blocks)
        self.files.update(row.files)
        self.absent.update(row.absent)
        self.opaque |= row.opaque

    @classmethod
    def of(cls, row: FileRow) -> File:
        """Return the file that a stored row describes."""
        file = cls(row.path, row.number)
        file.fingerprint, file.digest, file.names = row.fingerprint, row.digest, row.names
        file.needs_again(row)
        return file


class DependencyIndex:
    """Folds dependency records, and answers which tests a change can affect.

    Attributes:
        files: All project files by path.
        tests: What is known of each test.
        homes: The file and name of each function, by number.
        generation, layout: Grow when anything is different about a file; when files came or went.
    """

    def __init__(self) -> None:
        self.files: dict[str, File] = {}
        self.tests: dict[str, TestRow] = {}
        self.homes: dict[int, tuple[File, str]] = {}
        self.generation = 0
        self.layout = 0
        self._former = Former()
        self._paths: dict[int, str] = {}
        self._runs: dict[int, Run] = {}
        self._recorded_by: dict[str, int] = {}
        self._shared: dict[Any, Any] = {}
        self._next_file = 0
        self._next_block = 0
        self._dirty_files: set[str] = set()
        self._dirty_tests: set[str] = set()
        self._gone_tests: set[str] = set()
        self._graph: Graph | None = None
        self._inverse: Inverse | None = None

    # --- records ---

    def feed(self, record: DependencyRecord, *, ahead: bool = False) -> None:
        """Fold one record of a worker; `ahead` of any run, what it compiled says nothing of tests."""
        if isinstance(record, BlocksDeclared):
            self._declared(record, ahead=ahead)
        elif isinstance(record, ModuleRecorded):
            self._module(record)
        elif isinstance(record, TestRecorded):
            self._test(record)

    def begin_run(self, run: int, parent: int | None = None) -> None:
        """Records of a process follow; what its parent (which it was forked from) declared counts as well."""
        self._runs[run] = Run(self._runs.get(parent) if parent is not None else None)

    def has_numbered(self, run: int, functions: int) -> bool:
        """Tell whether so many functions of a process have been declared."""
        return run in self._runs and len(self._runs[run].numbers) >= functions

    def end_run(self, run: int) -> None:
        """Forget a process's numbers: no record of it, or of a fork of it, follows."""
        self._runs.pop(run, None)

    def stale(self, tests: Iterable[str]) -> list[str]:
        """Return the tests whose process saw other files than are remembered, or is not known any more."""
        asked = [(test, self.tests.get(test), self._recorded_by.get(test, -1)) for test in tests]
        other = {run: self._reaching_others(run) for run in {run for _, _, run in asked}}
        return [
            test
            for test, row, run in asked
            if row is None
            or (bad := other[run]) is None
            or (bad and not bad.isdisjoint(array("I", row.needs)))
        ]

    def _reaching_others(self, run: int) -> frozenset[int] | None:
        """Return the files, by number, that reach one a process saw in another state; None: not known."""
        state = self._runs.get(run)
        if state is None:
            return None
        other = state.differing(self._digest)
        ways = self._imports().reach(other) if other else ()
        return frozenset(self.files[path].number for path in ways)

    def _declared(self, record: BlocksDeclared, *, ahead: bool) -> None:
        file = self._file(record.path)
        if file.digest != record.digest and not (ahead and file.fingerprint is None):
            file.digest = record.digest
            self._touch(file)
        run = self._run(record.run)
        run.digests[record.path] = record.digest
        for offset, name in enumerate(record.names):
            run.numbers[record.first + offset] = self._block(file, name)

    def _module(self, record: ModuleRecorded) -> None:
        file = self._file(record.path)
        before = file.row()
        file.imports.update(record.imports)
        try:
            file.blocks.update(self._run(record.run).blocks(record.blocks))
        except KeyError:  # the record is of a run that was ended: unknown means affected
            file.opaque = True
        file.files.update(record.files)
        file.absent.update(record.absent)
        file.opaque |= record.opaque
        for path in record.imports:
            self._file(path)
        if file.row() != before:
            self._touch(file)

    def _test(self, record: TestRecorded) -> None:
        try:
            blocks = sorted(set(self._run(record.run).blocks(record.blocks)))
        except KeyError:  # the record is of a run that was ended: unknown means affected
            self.forget_tests([record.test])
            return
        self._recorded_by[record.test] = record.run
        needs = {self._file(path).number for path in record.roots}
        needs.update(self.homes[block][0].number for block in blocks)
        known = self.tests.get(record.test)
        wider = known.wider if known else ()
        row = TestRow(
            test=record.test,
            roots=record.roots,
            blocks=array("I", blocks).tobytes(),
            needs=array("I", sorted(needs)).tobytes(),
            files=_joined(record.files, wider),
            absent=record.absent,
            opaque=record.opaque,
            wider=wider,
        )
        self.put(self._shared_in(row))

    # --- files ---

    def remember(self, path: str, fingerprint: Fingerprint | None) -> None:
        """Take a file's content as known: later changes are changes against it. None: it is gone.

        When a module level changes, all tests that reach it are outdated until they ran again; so what its
        import needed before is forgotten then, and known again when the level comes back.
        """
        file = self._file(path)
        old = file.fingerprint
        if old == fingerprint:
            return
        if old is not None:
            self._former.leave(file.row())
        if fingerprint is None:
            file.digest = ""
        if old is None or fingerprint is None:
            self.layout += 1
        if old is not None and (fingerprint is None or _is_other_level(file, old, fingerprint)):
            file.forget_import()
        file.fingerprint = fingerprint
        before = None if fingerprint is None else self._former.of(path, fingerprint)
        if before is not None:
            file.needs_again(before)
            if fingerprint == before.fingerprint:
                file.digest = before.digest
        self._touch(file)

    def widen(self, test: str, paths: Iterable[str]) -> None:
        """Let a test need the whole of some files, besides what is recorded now and later."""
        row = self.tests.get(test)
        if row is not None:
            wider = _joined(row.wider, paths)
            self.put(msgspec.structs.replace(row, files=_joined(row.files, wider), wider=wider))

    def returns(self, changes: Mapping[str, Fingerprint | None]) -> bool:
        """Tell whether these changes bring back anything that files said before."""
        known = {path: file.fingerprint for path in changes if (file := self.files.get(path)) is not None}
        return self._former.returns({path: (known.get(path), new) for path, new in changes.items()})

    def mask_of_importers(self, path: str) -> int:
        """Return the numbers of a file and of those that import it, directly or not, as bits."""
        mask = 0
        for importer in self._imports().reach([path]):
            mask |= 1 << self.files[importer].number
        return mask

    def knows(self, path: str) -> bool:
        """Tell whether there is such a file, as far as is remembered."""
        file = self.files.get(path)
        return file is not None and file.fingerprint is not None

    def path_of(self, number: int) -> str:
        """Return the path of the file with this number."""
        return self._paths[number]

    def put(self, row: TestRow) -> None:
        """Take what a test needs as known."""
        old = self.tests.get(row.test)
        if old == row:
            return
        self.tests[row.test] = row
        self._dirty_tests.add(row.test)
        self._gone_tests.discard(row.test)
        if self._inverse is not None:
            self._inverse.put(row, old)

    def forget_tests(self, tests: Iterable[str]) -> None:
        """Forget tests that no longer exist."""
        for test in tests:
            row = self.tests.pop(test, None)
            self._recorded_by.pop(test, None)
            if row is not None:
                self._dirty_tests.discard(test)
                self._gone_tests.add(test)
                if self._inverse is not None:
                    self._inverse.remove(row)

    def rename_test(self, old: str, new: str) -> None:
        """Give a test another node id, with all that it needs."""
        row = self.tests.get(old)
        self.forget_tests([old])
        if row is not None:
            self.put(msgspec.structs.replace(row, test=new))

    def affected(self, changes: Mapping[str, Fingerprint | None], variables: Iterable[str] = ()) -> Affection:
        """Return what changes affect, against what is remembered; None is a deleted file.

        `variables` are names of environment variables with another value. Tests without a record are not
        known here: they have to run anyway.
        """
        return Answer(self.files, self.homes, self._imports(), self.prepare()).find(
            changes, self.tests, variables
        )

    def prepare(self) -> Inverse:
        """Do what the first question needs: 0.2 s per 50,000 tests, and then it is kept up to date."""
        if self._inverse is None:
            self._inverse = Inverse(self.tests)
        return self._inverse

    # --- storage ---

    def restore(
        self, files: Iterable[FileRow], tests: Iterable[TestRow], former: Iterable[FormerRow] = ()
    ) -> None:
        """Take up what was stored."""
        self._former.restore(former)
        for row in files:
            file = self.files[row.path] = File.of(row)
            self._paths[row.number] = row.path
            self._next_file = max(self._next_file, row.number + 1)
            self.homes.update((number, (file, name)) for name, number in row.names.items())
        self._next_block = max(self.homes, default=-1) + 1
        for test in tests:
            self.tests[test.test] = self._shared_in(test)
        self._graph = self._inverse = None
        self.generation += 1
        self.layout += 1

    def changed_rows(self) -> Changes:
        """Return what has to be stored since the last call."""
        changes = Changes(
            tests=tuple(self.tests[test] for test in self._dirty_tests),
            files=tuple(self.files[path].row() for path in self._dirty_files),
            former=self._former.changed_rows(),
            gone_tests=tuple(self._gone_tests),
        )
        for pending in (self._dirty_tests, self._dirty_files, self._gone_tests):
            pending.clear()
        return changes

    # --- inside ---

    def _file(self, path: str) -> File:
        try:
            return self.files[path]
        except KeyError:
            file = self.files[path] = File(path, self._next_file)
            self._paths[file.number] = path
            self._next_file += 1
            self._touch(file)
            return file

    def _touch(self, file: File) -> None:
        self._dirty_files.add(file.path)
        self._graph = None
        self.generation += 1

    def _block(self, file: File, name: str) -> int:
        try:
            return file.names[name]
        except KeyError:
            number = file.names[name] = self._next_block
            self.homes[number] = file, name
            self._next_block += 1
            self._touch(file)
            return number

    def _run(self, run: int) -> Run:
        if run not in self._runs:
            self._runs[run] = Run()
        return self._runs[run]

    def _digest(self, path: str) -> str:
        file = self.files.get(path)
        return "" if file is None or file.fingerprint is None else file.fingerprint.digest

    def _imports(self) -> Graph:
        if self._graph is None:
            self._graph = Graph(self.files, self.homes)
        return self._graph

    def _shared_in(self, row: TestRow) -> TestRow:
        """Return a row that holds the one object for each of its values that many tests have."""
        one = self._one
        return msgspec.structs.replace(
            row, roots=one(row.roots), needs=one(row.needs), files=one(row.files), absent=one(row.absent)
        )

    def _one(self, value: T) -> T:
        """Return the one object that stands for all equal ones: many tests need the same."""
        shared: T = self._shared.setdefault(value, value)
        return shared


def _joined(paths: Iterable[str], more: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({*paths, *more}))


def _is_other_level(file: File, old: Fingerprint, new: Fingerprint) -> bool:
    """Tell whether what importing the file needs is no longer what is known of it."""
    return old.level != new.level and file.digest != new.digest
