"""The worker's side: what each test needed, told as records while the run goes on."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from types import FrameType, ModuleType
from typing import TYPE_CHECKING

from enctest.selection import pytest_facts
from enctest.selection.asking import Asking
from enctest.selection.boundary import Boundary
from enctest.selection.bytecode import Bytecode
from enctest.selection.callers import Callers
from enctest.selection.definitions import Definitions
from enctest.selection.environment import EnvironmentWatch
from enctest.selection.existence import ExistenceWatch
from enctest.selection.files import FileWatch
from enctest.selection.hearing import Hearing
from enctest.selection.hook import Importer
from enctest.selection.imports import ImportGraph
from enctest.selection.inspection import InspectionWatch
from enctest.selection.kept import KeptValues, in_main_thread
from enctest.selection.owners import Ledger, Owner, closure
from enctest.selection.probe import Layout, Section
from enctest.selection.processes.reports import Reports
from enctest.selection.processes.started import Child, Launches
from enctest.selection.revision import Revisions, UnfitError
from enctest.selection.roots import Roots
from enctest.selection.telling import Functions, Needs, Tell, Teller
from enctest.selection.templates import Templates

if TYPE_CHECKING:
    import pytest


class Recorder:
    """Records one run in this process.

    Args:
        root: The folder that recorded paths are relative to.
        teller: Takes what is recorded, costs nothing.
        state: The folder for compiled files.
        given: Names of environment variables that the run is given, whatever the user's are.
    """

    def __init__(self, root: Path, teller: Teller, state: Path, *, given: Collection[str] = ()) -> None:
        self.broken = False
        self._teller = teller
        self._boundary = Boundary(root.resolve())
        callers = self._callers = Callers(self._boundary)
        self._ledger = Ledger()
        self._modules: dict[str, Owner] = {}
        self._roots = Roots(self._boundary)
        self._dirty: set[str] = set()
        self._executed: set[str] = set()
        self._told: dict[str, tuple[int, ...]] = {}
        self._graph = ImportGraph(self._boundary)
        self._kept = KeptValues(self._ledger, self._module)
        self._definitions = Definitions()
        self._templates = Templates(self._ledger, self.guard)
        self._asking = Asking(
            self._ledger, self._graph, self._definitions, callers, self._templates, self._module
        )
        self._importer = Importer(self._boundary, Bytecode(state), self)
        self._revisions = Revisions(self._importer.loads, self._definitions, self._graph)
        self._launches = Launches(self._boundary.root, state, self._launched, self._opaque, self.guard)
        self._files = FileWatch(self._boundary, callers, self._asking.used, self._launches.started)
        self._environment = EnvironmentWatch(callers, self._asking.used, self.guard, given)
        self._existence = ExistenceWatch(self._boundary, callers, self._asking.used, self.guard)
        variables = self._environment.read_there
        self._reports = Reports(self._executed_there, self._number, self._files.written, variables)
        self._lingering: set[Child] = set()
        self._strangers: set[str] = set()
        self._has_finalizers = False
        self._hearing = Hearing(
            self._files, InspectionWatch(self._boundary, callers, self._asking.used), self.guard
        )
        self._fixtures: dict[object, Owner] = {}
        self._fixture_owners: set[Owner] = set()
        self._test: Owner | None = None

    # --- life ---

    def install(self) -> None:
        """Start to record; call it before anything of the project is imported."""
        self._importer.install()
        self._hearing.install()
        self._environment.install()
        self._existence.install()
        self._launches.install(self._callers.is_own)
        self._kept.keep_account(self._boundary.relative)
        self.guard(self._sweep)

    def uninstall(self) -> None:
        """Stop to record: later imports are plain."""
        self._importer.uninstall()
        self._launches.uninstall()
        self._templates.unfollow()
        self._hearing.active = False
        self._environment.uninstall()
        self._kept.close_account()
        self._existence.uninstall()

    @property
    def environment_set(self) -> frozenset[str]:
        """Names of the environment variables that the project has set or removed so far, undone or not."""
        return self._environment.set_by_run

    def guard(self, action: Callable[..., object], *arguments: object) -> None:
        """Do something of the recorder's own; if it fails, say so once and record no test from then on."""
        if self.broken:
            return
        try:
            action(*arguments)
        except Exception as error:  # noqa: BLE001 - a test's outcome must not change; the failure is told
            self.broken = True
            self._teller.broken(f"{type(error).__name__}: {error}")

    def flush(self) -> None:
        """Tell what is known of modules; processes that go on report to nobody."""
        self._flush()
        self.guard(self._launches.clean)

    def _flush(self) -> None:
        self.guard(self._kept.end_test)
        self.guard(self._kept.settle)
        self.guard(self._resolve)
        self.guard(self._tell_modules)

    # --- copies of this process ---

    @property
    def functions(self) -> int:
        """How many functions have been numbered."""
        return len(self._ledger.board)

    @property
    def opaque(self) -> bool:
        """Whether work of other processes was not seen, outside of tests."""
        return any(owner.opaque for owner in self._shared())

    def before_fork(self) -> None:
        """Take over what processes have reported by now: their reports are there for one reader only."""
        self.guard(self._take_reports)

    def _take_reports(self) -> None:
        for owner in self._shared():
            for child in list(owner.children):
                self._reports.read(child)
                if child.needs is not None:
                    owner.take(child.needs)

    def _shared(self) -> list[Owner]:
        return [self._ledger.session, *self._modules.values(), *self._fixtures.values()]

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
        self._flush()
        owners = self._shared()
        files = {path for owner in owners for path in (*owner.files, *owner.imports)} | self._modules.keys()
        files |= self._environment.given_read
        files |= set(self._graph.loading())
        if pending not in self._executed:
            files.discard(pending)
        return sorted(files), sorted({name for owner in owners for name in owner.absent})

    def revise(self, path: str) -> Functions | None:
        """Take over what a file says now without importing it again; None: it says the same.

        Returns:
            The numbers of its functions from now on; nobody else is told.

        Raises:
            UnfitError: It has to be imported again.
        """
        if self.broken or path in self._strangers:
            raise UnfitError("its import was not followed")
        self._ledger.settle()
        self._hearing.active = False
        try:
            return self._revisions.revise(path, self._shared(), self._declare)
        finally:
            self._hearing.active = True

    # --- tests, fixtures, collections ---

    def start_test(self) -> None:
        """Let a test own what happens from now on."""
        self._test = Owner()
        self.guard(self._templates.follow)
        self._lingering = {child for child in self._lingering if child.lives()}
        self._test.opaque = bool(self._lingering)  # it may use a process that another test has left behind
        self._ledger.push(self._test)
        self._environment.start_test()

    def note_fixtures(self, item: pytest.Item) -> None:
        """Note which shared fixtures `item` used, before its teardown lets them go."""
        if self._test is not None:
            self._test.uses |= pytest_facts.fixtures(item, self._fixtures)

    def finish_test(self, item: pytest.Item) -> None:
        """Tell what `item` needed since `start_test`."""
        test = self._end_test()
        if test is not None:
            test.blocks.update(self._own_block(item))
            self._complete(test)
            self._teller.test(self._needs(item.nodeid, test, self._roots.of(item)))

    def finish_process(self, files: Iterable[str]) -> None:
        """Tell what this process needed since `start_test`, and `files`; a test in another one started it."""
        test = self._end_test()
        if test is not None:
            test.files |= self._strangers.union(files)
            test.opaque |= self._has_finalizers  # they run when this process has reported
            self._complete(test)
            self._teller.test(self._needs("", test))

    def _complete(self, test: Owner) -> None:
        self._kept.spread(test)
        self._definitions.complete(test)
        self._tell_modules()

    def _end_test(self) -> Owner | None:
        """End the current test's time; return it with all that it needed of others."""
        test, self._test = self._test, None
        if test is None:
            return None
        self._ledger.pop(test)
        self._kept.end_test(test)
        self._environment.end_test()
        self._resolve()
        if test.children:
            self._lingering |= test.children.difference(*(owner.children for owner in self._fixture_owners))
        for fixture in closure(test.uses):
            test.take(fixture)
        test.take(self._ledger.session)
        self._reports.settle(test)
        return test

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

    def heard(self, event: str, arguments: tuple[object, ...], frame: FrameType | None) -> None:
        """Take an audit event from before the recorder was there."""
        self.guard(self._files.heard, event, arguments, frame)

    # --- the import hook tells (see hook.Listener) ---

    def declared(self, path: str, digest: str, layout: Layout) -> Section:
        """Number the functions of a file."""
        return self._declare(path, digest, layout)

    def _declare(self, path: str, digest: str, layout: Layout, tell: Tell | None = None) -> Section:
        first = self._number(path, digest, layout.names, tell)
        section = Section(self._ledger.board, first, layout, path)
        self._definitions.add(section)
        self._has_finalizers |= any(name.rpartition(".")[2] == "__del__" for name in layout.names)
        if layout.names:
            self._kept.watch(section)
        return section

    def begins(self, path: str, module: ModuleType, imports: Iterable[str]) -> object:
        """Let a module own what its execution runs."""
        owner = self._module(path)
        self._executed.add(path)
        self.guard(self._templates.follow)
        self.guard(self._asking.imported, path, module, imports)
        self._ledger.push(owner, beside=not in_main_thread())
        return owner

    def ends(self, token: object) -> None:
        """The module was executed."""
        if isinstance(token, Owner):
            self._ledger.pop(token)
            self._dirty.add(token.path)
            self.guard(self._kept.spread, token)

    def sought(self, name: str) -> None:
        """A module is nowhere."""
        self.guard(self._asking.missed, name)

    def asked(self, name: object, package: object) -> None:
        """A module was asked for by a computed name."""
        self.guard(self._asking.computed, name, package)

    # --- what happens ---

    def _launched(self, child: Child, variables: Mapping[str, str] | None) -> None:
        child.passed = self._environment.passed(variables)
        for owner in self._ledger.all_current:
            owner.children.add(child)

    def _opaque(self) -> None:
        for owner in self._ledger.all_current:
            owner.opaque = True

    def _module(self, path: str) -> Owner:
        """Return the owner of a file, which is about to be changed."""
        self._dirty.add(path)
        try:
            return self._modules[path]
        except KeyError:
            owner = self._modules[path] = Owner(path)
            self._roots.add(path)
            return owner

    def _executed_there(self, path: str) -> Owner:
        """Likewise for a file that another process has imported: its content counts from now on."""
        self._executed.add(path)
        return self._module(path)

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
            self._strangers.add(path)
            self._module(path)
            self._graph.add(path, module, imports)
            self._ledger.session.imports.add(path)

    def _tell_modules(self) -> None:
        while self._dirty:  # reports add to it
            path = self._dirty.pop()
            owner = self._modules[path]
            self._reports.settle(owner)
            self._definitions.complete(owner)
            if self._told.get(path) == owner.extent():
                continue
            self._told[path] = owner.extent()
            self._teller.module(self._needs(path, owner))

    def _needs(self, name: str, owner: Owner, roots: tuple[str, ...] = ()) -> Needs:
        return Needs.of(name, owner, self._files.not_made(owner.files), roots)

    def _number(self, path: str, digest: str, names: tuple[str, ...], tell: Tell | None = None) -> int:
        """Give numbers to the functions of a file; return the first."""
        first = self._ledger.board.number(len(names))
        functions = Functions(path, digest, first, names)
        self._reports.declared(functions)
        (tell or self._teller.functions)(functions)
        return first

    def _own_block(self, item: pytest.Item) -> list[int]:
        place = pytest_facts.function_place(item)
        path = None if place is None else self._boundary.relative(place[0])
        if place is None or path is None:
            return []
        number = self._definitions.at(path, place[1])
        return [] if number is None else [number]
