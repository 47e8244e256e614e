"""The tree of tests: folders, files, classes, parametrised functions and tests, with rolled-up counts."""

from __future__ import annotations

from collections.abc import Iterable

from enctest.events import Measured, Miss, Outcome, TestFinished, TestInfo, TestState
from enctest_tui.node import (
    SIZE,
    THIS_FOLDER,
    TOTAL,
    Kind,
    Node,
    groups,
    info_of,
    opened,
    split,
    state_places,
    tally,
)


class TestTree:
    """All tests the project has, kept up to date one event at a time.

    Attributes:
        tests: Node id to test.
        structure: Grows when rows may have come or gone; `rows.Rows` compares it.
        runs: How many runs have ended: only then are sorted lists sorted anew.
    """

    __test__ = False

    def __init__(self) -> None:
        self.root = Node("root", "", "", None)
        self.tests: dict[str, Node] = {}
        self.structure = 0
        self.runs = 0
        self._files: dict[str, Node] = {}
        self._orders: dict[str, tuple[str, ...]] = {}
        self._running: dict[Node, int] = {}
        self._restored: dict[str, TestState] = {}
        self._change = 0
        self._began: dict[int, int] = {}

    # --- structure -----------------------------------------------------------------------------------

    def collect(self, path: str, infos: Iterable[TestInfo], *, complete: bool = True) -> None:
        """Make `infos` the tests of the file `path`; add only, where the list is not complete."""
        infos = list({info.test: info for info in infos}.values())
        if self._is_folder(path, infos):
            path, infos = f"{path}/", [TestInfo(test=info.test, path=f"{path}/", line=0) for info in infos]
        elif complete and not path.endswith("/"):
            self._folder_was_collected(path)
        file = self._files.get(path)
        before = self._orders.get(path, ())
        old = {id_: self.tests[id_] for id_ in before}
        if not complete:
            named = {path, *(info.test for info in infos)}
            infos += [info_of(test) for test in old.values() if test.id not in named]
        if not infos:
            self._drop(path, old)
            return
        places = {id_: place for place, id_ in enumerate(before)}
        infos.sort(key=lambda info: (info.line, places.get(info.test, len(places))))
        if file is None or before != tuple(info.test for info in infos):
            self._fill(path, infos, old)
            return
        for info in infos:
            old[info.test].line, old[info.test].markers = info.line, info.markers

    def remove(self, ids: Iterable[str]) -> None:
        """Take these tests out, and groups that are left empty."""
        gone = set(ids)
        for path in {self.tests[id_].path for id_ in gone if id_ in self.tests}:
            left = [id_ for id_ in self._orders[path] if id_ not in gone]
            self.collect(path, [info_of(self.tests[id_]) for id_ in left])

    def _fill(self, path: str, infos: list[TestInfo], old: dict[str, Node]) -> None:
        file = self._file(path)
        self._add_counts(file.parent, file.counts, -1)
        self._orders[path] = tuple(info.test for info in infos)
        choices = opened(file)
        file.children.clear()
        file.counts = [0] * SIZE
        for info in infos:
            self._adopt(self._place(file, info, choices), old.pop(info.test, None))
        self._forget(old)
        self._add_counts(file.parent, file.counts, 1)
        self.structure += 1

    def _drop(self, path: str, old: dict[str, Node]) -> None:
        file = self._files.pop(path, None)
        self._orders.pop(path, None)
        if file is None:
            return
        self._forget(old)
        self._add_counts(file.parent, file.counts, -1)
        node: Node | None = file
        while node is not None and node.parent is not None and (node is file or not node.children):
            del node.parent.children[node.name]
            node = node.parent
        self.structure += 1

    def _place(self, file: Node, info: TestInfo, choices: dict[str, bool]) -> Node:
        group = file
        *groups, name = split(info)
        for at, part in enumerate(groups):
            child = group.children.get(part)
            if child is None:
                kind: Kind = "function" if at == len(groups) - 1 and name.startswith("[") else "class"
                child = Node(kind, part, f"{group.id}::{part}", group, file.path)
                child.expanded = choices.get(child.id)
                group.children[part] = child
            group = child
        test = Node("test", name, info.test, group, file.path)
        test.line, test.markers = info.line, info.markers
        group.children[test.id] = test  # groups have their name as key: a function and a class may share it
        return test

    def _adopt(self, test: Node, former: Node | None) -> None:
        """Take over what is known of `former` and count the test in the groups of its file."""
        state = self._restored.get(test.id)
        if state is not None:
            test.outcome, test.duration_ms, test.message = state.outcome, state.duration_ms, state.message
            test.outdated, test.running, test.warm = state.outdated, state.running, state.warm
            test.figures, test.base = state.figures, state.base
            if test.running:
                self._running[test] = 0
            if test.bad:
                self._open_above(test)
        elif former is not None:
            test.outcome, test.duration_ms, test.message = former.outcome, former.duration_ms, former.message
            test.outdated, test.running, test.stamp = former.outdated, former.running, former.stamp + 1
            test.warm, test.miss, test.outdated_by = former.warm, former.miss, former.outdated_by
            test.figures, test.base = former.figures, former.base
            if test.running:
                self._running[test] = self._running.pop(former, 0)
        self.tests[test.id] = test
        places = (TOTAL, *state_places(test))
        group = test.parent
        while group is not None and group.kind not in {"folder", "root"}:
            tally(group, places)
            group = group.parent

    def _file(self, path: str) -> Node:
        file = self._files.get(path)
        if file is None:
            *folders, name = path.split("/")
            group = self.root
            for part in filter(None, folders):
                group = self._child(group, "folder", part, f"{group.id}/{part}" if group.id else part)
            file = self._files[path] = self._child(group, "file", name or THIS_FOLDER, path)
            file.path = path
        return file

    def _is_folder(self, path: str, infos: list[TestInfo]) -> bool:
        """Say whether a failed collection is that of a folder: of a conftest, or of a package."""
        if path in self._files or path.endswith("/") or not infos or any("::" in info.test for info in infos):
            return False
        return "." not in path.rpartition("/")[2]

    def _folder_was_collected(self, path: str) -> None:
        """Take away what says that a folder above this file could not be collected."""
        folder = path
        while folder:
            folder = folder.rpartition("/")[0]
            if f"{folder}/" in self._files:
                self.collect(f"{folder}/", ())

    def _child(self, group: Node, kind: Kind, name: str, id: str) -> Node:  # noqa: A002 - pytest's word
        child = group.children.get(name)
        if child is None:
            child = group.children[name] = Node(kind, name, id, group, id)
            group.in_order = False
        return child

    def _forget(self, tests: dict[str, Node]) -> None:
        for id_, test in tests.items():
            self._running.pop(test, None)
            if self.tests.get(id_) is test:
                del self.tests[id_]

    def rename(self, old: str, new: str) -> None:
        """Give a test the node id it has now, keeping its row and all that is known of it."""
        test = self.tests.get(old)
        if test is None or new in self.tests or test.parent is None:
            return
        name = split(TestInfo(test=new, path=test.path, line=test.line))[-1]
        children = test.parent.children
        test.parent.children = {new if child is test else key: child for key, child in children.items()}
        self.tests[new] = self.tests.pop(old)
        self._orders[test.path] = tuple(new if id_ == old else id_ for id_ in self._orders[test.path])
        test.id, test.name = new, name
        test.stamp += 1

    def choices(self) -> dict[str, bool]:
        """Return which groups were opened or closed, by id, to hand to the tree that comes after."""
        return opened(self.root)

    def load(self, states: Iterable[TestState], choices: dict[str, bool]) -> None:
        """Fill an empty tree with what the explorer knows."""
        files: dict[str, list[TestInfo]] = {}
        for state in states:
            files.setdefault(state.info.path, []).append(state.info)
            self._restored[state.info.test] = state
        for path, infos in files.items():
            self.collect(path, infos)
        self._restored.clear()
        for group in groups(self.root):
            group.expanded = choices.get(group.id, group.expanded)
        self.structure += 1

    # --- state ---------------------------------------------------------------------------------------

    def set(
        self,
        id_: str,
        *,
        outcome: Outcome | None,
        duration_ms: float,
        message: str,
        outdated: bool,
        running: bool,
        warm: Outcome | None = None,
    ) -> None:
        """Note how a test stands; a test nobody collected is added (a file's failed collection is one)."""
        test = self.tests.get(id_) or self._unknown(id_)
        before, bad = state_places(test), test.bad
        test.outcome, test.duration_ms, test.message = outcome, duration_ms, message
        test.outdated, test.running, test.warm = outdated, running, warm
        self._moved(test, before)
        if running:
            self._running.setdefault(test, 0)
        else:
            self._running.pop(test, None)
        if test.bad and not bad:
            self._open_above(test)

    def finish(self, event: TestFinished) -> None:
        """Note a result; it makes a test fresh unless a change reached it after the run had begun."""
        test = self.tests.get(event.test)
        since = self._began.get(event.run, self._change)
        self.set(
            event.test,
            outcome=event.outcome,
            duration_ms=event.duration_ms,
            message=event.message,
            outdated=test is not None and test.outdated and test.outdated_by > since,
            running=False,
            warm=event.warm,
        )

    def measure(self, event: Measured) -> None:
        """Note what a test's trace adds up to."""
        test = self.tests.get(event.test)
        if test is not None:
            test.figures, test.base = event.figures, event.base
            test.stamp += 1

    def begin(self, run: int) -> None:
        """Note that a run begins: it sees all changes up to now."""
        self._began.setdefault(run, self._change)

    def start(self, id_: str, run: int) -> None:
        """Note that a test runs now."""
        test = self.tests.get(id_) or self._unknown(id_)
        before = state_places(test)
        test.running = True
        self._running[test] = run
        self._moved(test, before)

    def outdate(self, ids: Iterable[str]) -> None:
        """Note that a change has reached these tests."""
        self._change += 1
        for id_ in ids:
            test = self.tests.get(id_)
            if test is not None:
                before = state_places(test)
                test.outdated, test.outdated_by, test.miss = True, self._change, None
                self._moved(test, before)

    def miss(self, miss: Miss) -> None:
        """Note what an audit found; it stands until a change is known to reach the test."""
        test = self.tests.get(miss.test)
        if test is not None:
            test.miss = miss
            test.stamp += 1

    def stop(self, run: int) -> None:
        """Note that nothing of this run goes on any more."""
        self._began.pop(run, None)
        self.runs += 1
        for test in [test for test, its_run in self._running.items() if its_run in {0, run}]:
            before = state_places(test)
            test.running = False
            del self._running[test]
            self._moved(test, before)

    @property
    def running(self) -> Iterable[Node]:
        """The tests that run now."""
        return self._running.keys()

    def _unknown(self, id_: str) -> Node:
        path = id_.partition("::")[0]
        self.collect(path, [TestInfo(test=id_, path=path, line=0)], complete=False)
        return self.tests[id_]

    def _moved(self, test: Node, before: tuple[int, ...]) -> None:
        after = state_places(test)
        test.stamp += 1
        if after == before:
            return
        group = test.parent
        while group is not None:
            counts = group.counts
            for place in before:
                counts[place] -= 1
            for place in after:
                counts[place] += 1
            group.stamp += 1
            group = group.parent

    def _open_above(self, test: Node) -> None:
        """Open what hides a new failure; it stays open when the failure goes, so that nothing jumps."""
        for group in test.ancestors():
            if group.expanded is None:
                group.expanded = True
                self.structure += 1

    def _add_counts(self, group: Node | None, counts: list[int], sign: int) -> None:
        while group is not None:
            for place, count in enumerate(counts):
                group.counts[place] += sign * count
            group.stamp += 1
            group = group.parent
