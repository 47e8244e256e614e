"""The worker's side: what each test needed, told as records while the run goes on."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from types import FrameType, ModuleType
from typing import TYPE_CHECKING

from enctest.dependencies import BlocksDeclared, ModuleRecorded, TestRecorded
from enctest.events import Notice
from enctest.record import Record
from enctest.selection import pytest_facts
from enctest.selection.boundary import Boundary
from enctest.selection.bytecode import Bytecode
from enctest.selection.callers import Callers
from enctest.selection.environment import EnvironmentWatch
from enctest.selection.existence import ExistenceWatch
from enctest.selection.files import FileWatch
from enctest.selection.hook import Importer
from enctest.selection.imports import ImportGraph
from enctest.selection.inspection import InspectionWatch
from enctest.selection.kept import KeptValues, in_main_thread
from enctest.selection.owners import Ledger, Owner
from enctest.selection.probe import Hits, Layout

if TYPE_CHECKING:
    import pytest


class Recorder:
    """Records one run in this process.

    Args:
        root: The folder that recorded paths are relative to.
        run: The number that records refer to; it may be another one after a fork.
        emit: Takes records, costs nothing.
        state: The folder for compiled files.
        given: Names of environment variables that the run is given, whatever the user's are.
    """

    def __init__(
        self,
        root: Path,
        run: int,
        emit: Callable[[Record], None],
        state: Path,
        *,
        given: Collection[str] = (),
    ) -> None:
        self.broken = False
        self.run = run
        self._emit = emit
        self._boundary = Boundary(root.resolve())
        self._ledger = Ledger()
        self._modules: dict[str, Owner] = {}
        self._conftests: list[str] = []
        self._dirty: set[str] = set()
        self._executed: set[str] = set()
        self._told: dict[str, tuple[int, ...]] = {}
        self._graph = ImportGraph(self._boundary)
        self._kept = KeptValues(self._ledger, self._module)
        self._importer = Importer(self._boundary, Bytecode(state), self)
        callers = self._callers = Callers(self._boundary)
        self._files = FileWatch(self._boundary, callers, self._used, self._opaque, self.guard)
        self._environment = EnvironmentWatch(callers, self._used, self.guard, given)
        self._existence = ExistenceWatch(self._boundary, callers, self._used, self.guard)
        self._inspection = InspectionWatch(self._boundary, callers, self._used, self.guard)
        self._numbers = 0
        self._lines: dict[tuple[str, int], int] = {}
        self._fixtures: dict[object, Owner] = {}
        self._fixture_owners: set[Owner] = set()
        self._test: Owner | None = None
        self._rooted: dict[str, tuple[int, tuple[str, ...]]] = {}

    # --- life ---

    def install(self) -> None:
        """Start to record; call it before anything of the project is imported."""
        self._importer.install()
        self._files.install()
        self._environment.install()
        self._existence.install()
        self._inspection.install()
        self.guard(self._sweep)

    def uninstall(self) -> None:
        """Stop to record: later imports are plain."""
        self._importer.uninstall()
        self._files.active = False
        self._environment.uninstall()
        self._existence.uninstall()
        self._inspection.active = False

    @property
    def environment_set(self) -> frozenset[str]:
        """Names of the environment variables that the project has set or removed so far, undone or not."""
        return self._environment.set_by_run

    def guard(self, action: Callable[[], object]) -> None:
        """Do something of the recorder's own; if it fails, say so once and record no test from then on."""
        if self.broken:
            return
        try:
            action()
        except Exception as error:  # noqa: BLE001 - a test's outcome must not change; the failure is told
            self.broken = True
            reason = f"{type(error).__name__}: {error}"
            self._emit(Notice(message=f"dependencies are no longer recorded in this run: {reason}"))

    def flush(self) -> None:
        """Tell what is known of modules by now."""
        self.guard(self._kept.end_test)
        self.guard(self._resolve)
        self.guard(self._tell_modules)

    # --- suspended copies of this process ---

    def before_import(self, callback: Callable[[str], None] | None) -> None:
        """Have `callback` called with the path of each project file that is about to be imported."""
        self._importer.before = callback

    def give(self, variables: Mapping[str, str]) -> None:
        """Set environment variables on behalf of whoever started the run."""
        self._environment.give(variables)

    def consumed(self, pending: str) -> tuple[list[str], list[str]]:
        """Return the files that were imported, read or listed by now, and the names looked for in vain.

        Args:
            pending: A file that is about to be imported: nothing of it was read yet.
        """
        self.flush()
        owners = [self._ledger.session, *self._modules.values(), *self._fixtures.values()]
        files = {path for owner in owners for path in (*owner.files, *owner.imports)} | self._modules.keys()
        files |= self._environment.given_read
        files |= set(self._graph.loading())
        if pending not in self._executed:
            files.discard(pending)
        return sorted(files), sorted({name for owner in owners for name in owner.absent})

    # --- tests, fixtures, collections ---

    def start_test(self) -> None:
        """Let a test own what happens from now on."""
        self._test = Owner()
        self._ledger.push(self._test)
        self._environment.start_test()

    def note_fixtures(self, item: pytest.Item) -> None:
        """Note which shared fixtures `item` used, before its teardown lets them go."""
        if self._test is not None:
            self._test.uses |= pytest_facts.fixtures(item, self._fixtures)

    def finish_test(self, item: pytest.Item) -> None:
        """Tell what `item` needed since `start_test`."""
        test, self._test = self._test, None
        if test is None:
            return
        self._ledger.pop(test)
        self._kept.end_test(test)
        self._environment.end_test()
        self._resolve()
        for fixture in _closure(test.uses):
            test.take(fixture)
        test.take(self._ledger.session)
        test.blocks.update(self._own_block(item))
        self._kept.spread(test)
        self._tell_modules()
        roots = self._roots(item)
        self._emit(
            TestRecorded(
                run=self.run,
                test=item.nodeid,
                roots=tuple(dict.fromkeys([*roots, *sorted(test.imports)])) if test.imports else roots,
                blocks=tuple(test.blocks),
                files=tuple(sorted(self._files.not_made(test.files))),
                absent=tuple(sorted(test.absent)),
                opaque=test.opaque,
            )
        )

    def _roots(self, item: pytest.Item) -> tuple[str, ...]:
        """Return the test's file and the conftests that count there."""
        file = str(item.path)
        count, roots = self._rooted.get(file, (-1, ()))
        if count != len(self._conftests):
            path = self._boundary.relative(file) or item.nodeid.partition("::")[0]
            folder = path.rpartition("/")[0]
            conftests = [name for name in self._conftests if _is_within(folder, name.rpartition("/")[0])]
            roots = tuple(dict.fromkeys([path, *conftests]))
            self._rooted[file] = len(self._conftests), roots
        return roots

    def start_fixture(self, fixture: object) -> Owner:
        """Let a fixture of wider than function scope own what happens from now on."""
        owner = self._fixtures[fixture] = Owner()
        self._fixture_owners.add(owner)
        self._ledger.push(owner)
        return owner

    def finish_fixture(self, owner: Owner, request: pytest.FixtureRequest) -> None:
        """Credit a fixture's set-up to it, and to what asked for it first."""
        self._ledger.pop(owner)
        outer = self._ledger.current
        outer.take(owner)
        if outer in self._fixture_owners:
            outer.uses.add(owner)
        owner.uses |= pytest_facts.used_by_fixture(request, self._fixtures) - {owner}
        self._kept.spread(owner)

    def start_collecting(self, path: Path) -> Owner:
        """Let a file own what its collection runs (the session, if it is no Python file of the project)."""
        name = self._boundary.relative(str(path))
        owner = self._module(name) if name is not None and name.endswith(".py") else self._ledger.session
        self._ledger.push(owner)
        return owner

    def finish_collecting(self, owner: Owner) -> None:
        """The file's collection is over."""
        self._ledger.pop(owner)
        if owner.path:
            self._dirty.add(owner.path)
            self._kept.spread(owner)

    # --- the import hook tells (see hook.Listener) ---

    def declared(self, path: str, digest: str, layout: Layout) -> Hits:
        """Number the functions of a file."""
        hits = Hits(len(layout.names))
        hits.path, hits.layout, hits.first = path, layout, self._numbers
        self._numbers += len(layout.names)
        hits.numbers = range(hits.first, self._numbers)
        for index, line in enumerate(layout.lines):
            self._lines[path, line] = hits.first + index
        self._emit(
            BlocksDeclared(run=self.run, path=path, digest=digest, first=hits.first, names=layout.names)
        )
        if layout.names:
            self._ledger.watch(hits)
            self._kept.watch(hits)
        return hits

    def begins(self, path: str, module: ModuleType, imports: Iterable[str]) -> object:
        """Let a module own what its execution runs."""
        owner = self._module(path)
        self._executed.add(path)
        self.guard(lambda: self._imported(path, module, imports))
        self._ledger.push(owner, beside=not in_main_thread())
        return owner

    def ends(self, token: object) -> None:
        """The module was executed."""
        if isinstance(token, Owner):
            self._ledger.pop(token)
            self._dirty.add(token.path)
            self.guard(lambda: self._kept.spread(token))

    def sought(self, name: str) -> None:
        """A module is nowhere."""
        self.guard(lambda: self._missed(name))

    def asked(self, name: object, package: object) -> None:
        """A module was asked for by a computed name."""
        self.guard(lambda: self._ask(name, package))

    # --- what happens ---

    def _used(self, path: str, frame: FrameType) -> None:
        for owner in self._ledger.all_current:
            owner.files.add(path)
        if self._callers.library(frame):  # it may keep the content: a template, a configuration
            near = self._graph.nearest_file()
            if near is not None:
                self._module(near).files.add(path)

    def _opaque(self) -> None:
        for owner in self._ledger.all_current:
            owner.opaque = True

    def _missed(self, name: str) -> None:
        for owner in self._responsible():
            owner.absent.add(name)

    def _ask(self, name: object, package: object) -> None:
        owners = self._responsible()
        if isinstance(name, str) and owners != [self._ledger.session]:  # else pytest imports what it collects
            self._graph.ask(owners, name, package if isinstance(package, str) else "")

    def _responsible(self) -> list[Owner]:
        """Return the owners of what happens now, and the project file whose code is nearest on the stack."""
        near = self._graph.nearest_file()
        owners = self._ledger.all_current
        if near is not None:
            owners = [owner for owner in owners if owner is not self._ledger.session]
            owners.append(self._module(near))
        return owners

    def _imported(self, path: str, module: ModuleType, imports: Iterable[str]) -> None:
        owners = self._responsible()
        self._graph.add(path, module, imports)
        if owners == [self._ledger.session] and (self._ledger.depth or path.endswith("conftest.py")):
            return  # pytest imports what it collects; that makes no test depend on it
        library = self._callers.importing_library()  # it may give the module to anybody later on
        if library and self._ledger.current.path:
            self._graph.bring(library, path)
        elif library:
            owners.append(self._ledger.session)
        for owner in owners:
            if owner.path != path:
                owner.imports.add(path)

    def _module(self, path: str) -> Owner:
        """Return the owner of a file, which is about to be changed."""
        self._dirty.add(path)
        try:
            return self._modules[path]
        except KeyError:
            owner = self._modules[path] = Owner(path)
            if path.rpartition("/")[2] == "conftest.py":
                self._conftests.append(path)
            return owner

    # --- telling ---

    def _resolve(self) -> None:
        if self._graph.has_news():
            self._sweep()
            for owner, path in self._graph.edges(self._module):
                if owner.path != path:
                    owner.imports.add(path)

    def _sweep(self) -> None:
        """Take note of project modules that came another way: whatever depends on them is the whole file."""
        for path, module, digest, imports in self._graph.strangers():
            self.declared(path, digest, Layout())
            self._module(path)
            self._graph.add(path, module, imports)
            self._ledger.session.imports.add(path)

    def _tell_modules(self) -> None:
        dirty, self._dirty = self._dirty, set()
        for path in dirty:
            owner = self._modules[path]
            if self._told.get(path) == owner.extent():
                continue
            self._told[path] = owner.extent()
            self._emit(
                ModuleRecorded(
                    run=self.run,
                    path=path,
                    imports=tuple(sorted(owner.imports)),
                    blocks=tuple(sorted(owner.blocks)),
                    files=tuple(sorted(self._files.not_made(owner.files))),
                    absent=tuple(sorted(owner.absent)),
                    opaque=owner.opaque,
                )
            )

    def _own_block(self, item: pytest.Item) -> list[int]:
        place = pytest_facts.function_place(item)
        path = None if place is None else self._boundary.relative(place[0])
        if place is None or path is None:
            return []
        number = self._lines.get((path, place[1]))
        return [] if number is None else [number]


def _closure(fixtures: Iterable[Owner]) -> set[Owner]:
    found: set[Owner] = set()
    pending = list(fixtures)
    while pending:
        owner = pending.pop()
        if owner not in found:
            found.add(owner)
            pending.extend(owner.uses)
    return found


def _is_within(folder: str, parent: str) -> bool:
    return not parent or folder == parent or folder.startswith(parent + "/")
