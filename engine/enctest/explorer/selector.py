"""Selection as the explorer sees it: what changed on disk, what that reaches, and what of it is stored."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

import msgspec

from enctest.config import DatabaseSettings
from enctest.dependencies import BlocksDeclared, ModuleRecorded, TestRecorded
from enctest.events import Users
from enctest.explorer.effect import Effect
from enctest.explorer.sharing import Sharing
from enctest.explorer.tables import Tables
from enctest.paths import Project
from enctest.selection.fingerprint import PYTHON_FILES, Fingerprint, fingerprint, is_test_module
from enctest.selection.index import DependencyIndex
from enctest.selection.rows import FileRow, FormerRow, TestRow
from enctest.selection.scan import FileStamp, differing, environment_key, is_as_stamped, look, scan
from enctest.selection.state import StateKeys, Unknown
from enctest.selection.users import find_users
from enctest.selection.variables import (
    THE_USERS,
    Environment,
    changed_names,
    environment_of,
    is_of_the_terminal,
)
from enctest.session.job import HostReady
from enctest.store.history import History

T = TypeVar("T")
_MANY = 50
"""Tests from which on it is faster to look at all files than at theirs."""
_encode = msgspec.msgpack.Encoder().encode


class Selector:
    """The dependency index, kept in step with the files and with the history.

    Args:
        project: The project under test.
        history: Where the index is stored.
        python: The project's interpreter; empty means that the environment is not looked at.
        variables: The environment variables that runs find.
    """

    def __init__(
        self, project: Project, history: History, python: str, variables: Mapping[str, str] = THE_USERS
    ) -> None:
        self._root = project.root
        self._index = DependencyIndex()
        self._is_loaded = False
        self._keys = StateKeys(self._index, self._world, self._variable)
        self._python = python
        self._environment: str = history.meta("environment", str) or ""
        self._known_variables = history.meta("variables", Environment)
        self._variables = environment_of(variables, getattr(self._known_variables, "salt", ""))
        self._python_files = tuple(history.meta("python_files", list[str]) or PYTHON_FILES)
        self._history = history
        self._stamps: dict[str, FileStamp] = {}
        self._new_stamps: dict[str, FileStamp | None] = {}
        self._why: dict[str, str] = {}
        self.tables = Tables(history)
        self._sharing = Sharing(self._index)

    def load(self) -> None:
        """Take up what is stored, before anything else is asked; may be called on a thread.

        0.5 s per 50,000 tests, the index that the first question needs included.
        """
        self._stamps = _restored(self._history, "stamp", FileStamp)
        files = _restored(self._history, "file", FileRow)
        tests = _restored(self._history, "test", TestRow)
        former = _restored(self._history, "former", FormerRow)
        self._index.restore(files.values(), tests.values(), former.values())
        self._index.prepare()
        self._is_loaded = True

    # --- changes ---

    def scan(self) -> Effect:
        """Compare all files, and the environment, with what is remembered; remember them as they are."""
        found = scan(self._root, self._stamps, python_files=self._python_files)
        for path in found.stamps.keys() | self._stamps.keys():
            if found.stamps.get(path) != self._stamps.get(path):  # read again, though it says the same
                self._new_stamps[path] = found.stamps.get(path)
        self._stamps = dict(found.stamps)
        effect = self._remember(found.changes, self._changed_variables())
        environment = _environment(self._python)
        if environment and environment != self._environment:
            known, self._environment = self._environment, environment
            if known:
                return replace(effect, everything="installed distributions changed")
        return effect

    def changed(self, paths: Iterable[Path]) -> Effect:
        """Take changed files; what only looks changed (a touch, a temporary file) is no change."""
        changes = self._look(paths)
        return self._remember(changes)

    def overlooked(self) -> set[Path]:
        """Return the files that look different than they were when they were looked at; on any thread."""
        return {self._root / path for path in differing(self._root, dict(self._stamps))}

    def pretend(self, paths: Iterable[Path]) -> Effect:
        """Return what these files can affect: their change, or any change where they are as they were."""
        asked = [path.relative_to(self._root).as_posix() for path in paths]
        changes: dict[str, Fingerprint | None] = {}
        for path in asked:
            known = self._index.files.get(path)
            now = look(self._root, path, None, python_files=self._python_files)
            print_ = now[1] if now else None
            if known is not None and known.fingerprint is not None and print_ is not None:
                same = known.fingerprint.digest == print_.digest
                print_ = _any_change(print_) if same else print_
            changes[path] = print_
        affection = self._index.affected(changes)
        return Effect(tuple(changes), affection.tests, affection.new_in, affection.everything)

    def since(self, former: Mapping[str, bytes | None]) -> Effect:
        """Return what the way from earlier contents of files (None: not there) to now can have affected."""
        changes = {
            path: None if content is None else fingerprint(path, content, self._python_files)
            for path, content in former.items()
        }
        found = self._index.affected(changes)
        new = {path: f"`{path}` is new" for path, content in former.items() if content is None}
        tests = {row.test: new[row.roots[0]] for row in self._index.tests.values() if row.roots[0] in new}
        return Effect(tuple(changes), tests | found.tests, found.new_in, found.everything)

    def adopt(self, ready: HostReady) -> bool:
        """Take what pytest calls a test file; True when that was another one than assumed."""
        if not ready.python_files or ready.python_files == self._python_files:
            return False
        self._python_files = ready.python_files
        self._stamps = {}
        self.scan()
        return True

    # --- records ---

    def feed(self, record: BlocksDeclared | ModuleRecorded | TestRecorded, *, ahead: bool = False) -> None:
        """Take what a worker recorded, in a run or `ahead` of any."""
        self._index.feed(record, ahead=ahead)

    def has_numbered(self, stream: int, functions: int) -> bool:
        """Tell whether so many functions of a process have been declared."""
        return self._index.has_numbered(stream, functions)

    def unrecorded(self, tests: Iterable[str]) -> set[str]:
        """Return the tests of which it is not known what they need."""
        return set(tests) - self._index.tests.keys()

    def begin_run(self, stream: int, parent: int | None = None) -> None:
        """Records of a process follow, which was forked from another one."""
        self._index.begin_run(stream, parent)

    def stale(self, tests: Iterable[str]) -> list[str]:
        """Return the tests for which the process they ran in saw other files than there are now."""
        return self._index.stale(tests)

    def end_run(self, stream: int) -> None:
        """No record of this process follows, nor of a fork of it."""
        self._index.end_run(stream)

    def recent(self, count: int) -> list[str]:
        """Return the Python files that were written last, the newest first."""
        stamps = [(stamp.mtime_ns, path) for path, stamp in self._stamps.items() if path.endswith(".py")]
        return [path for _, path in sorted(stamps, reverse=True)[:count]]

    def is_test_file(self, path: str) -> bool:
        """Tell whether pytest would collect tests from a file, by its name."""
        return is_test_module(path, self._python_files)

    def forget(self, tests: Sequence[str]) -> None:
        """Tests are gone."""
        self._index.forget_tests(tests)
        self.tables.forget(tests)
        for test in tests:
            self._why.pop(test, None)

    def renamed(self, old: str, new: str) -> None:
        """A test has another node id."""
        self._index.rename_test(old, new)
        self.tables.renamed(old, new)

    def needs(self, test: str) -> TestRow | None:
        """Return what a test needs, or None when that was never recorded."""
        return self._index.tests.get(test)

    def state_key(self, row: TestRow) -> bytes:
        """Return the key of the present state of everything in `row`; empty when part of it is unknown."""
        shared = self._sharing.used(row, self.tables.fixtures)
        key, databases = self._keys.of(row), self.tables.state(row.test, shared)
        return sha256(key + databases.encode()).digest() if key and databases else b""

    def unnoticed(self, rows: Sequence[TestRow]) -> frozenset[str]:
        """Return the files of these rows (of many rows: all files) that look other than remembered."""
        paths = set(self._stamps) if len(rows) > _MANY else set().union(*map(self.files_of, rows))
        return frozenset(
            path
            for path in paths
            if not path.endswith("/") and not is_as_stamped(self._root, path, self._stamps.get(path))
        )

    def files_of(self, row: TestRow) -> set[str]:
        """Return the files in the key of a row, data files included; none when it has no key."""
        try:
            return self._keys.files_of(row)
        except Unknown:
            return set()

    def known_again(self, row: TestRow) -> None:
        """A test needs what it needed before."""
        self._index.put(row)

    def users(self, path: str | None, function: str | None) -> Users:
        """Return the tests turned round, see `users.find_users`; nothing before all is loaded."""
        if not self._is_loaded:
            return Users(path=path, function=function)
        return find_users(self._index, self._root, path, function)

    # --- reasons and databases ---

    def note(self, reasons: dict[str, str]) -> None:
        """Remember why tests were affected, for people."""
        self._why |= reasons

    def why(self, test: str) -> str:
        """Return why a test was last affected."""
        return self._why.get(test, "")

    def widen(self, test: str, paths: Iterable[str]) -> str:
        """A test was missed when these files changed: from now on it needs all of them. Says so."""
        files = sorted(paths)
        if not files:
            return "no change that this explorer saw explains it"
        self._index.widen(test, files)
        more = f" and {len(files) - 1} more" if files[1:] else ""
        return f"from now on it runs whenever {files[0]}{more} changes"

    def migrated(self, databases: Mapping[str, DatabaseSettings], pretended: Sequence[Path] = ()) -> set[str]:
        """Return the tests that changes of the files of these databases can affect."""
        tests, fixtures = self.tables.reached(databases, self._root, self._digests, pretended=pretended)
        if not self.tables.any_seen:
            return set(self._index.tests)
        return tests.union(*map(self._sharing.users, fixtures))

    def learn_databases(self, databases: Mapping[str, DatabaseSettings]) -> None:
        """Remember what makes these databases, where that is not known yet."""
        if unknown := self.tables.unknown(databases):
            self.tables.learn(unknown, self._root, self._digests)

    # --- storage ---

    def changed_rows(self) -> dict[tuple[str, str], bytes | None]:
        """Return what has to be stored since the last call: (kind, key) to data, None for what is gone."""
        rows: dict[tuple[str, str], bytes | None] = {}
        changes = self._index.changed_rows()
        rows |= {("test", row.test): _encode(row) for row in changes.tests}
        rows |= {("file", row.path): _encode(row) for row in changes.files}
        rows |= {("former", former.path): _encode(former) for former in changes.former}
        rows |= dict.fromkeys((("test", test) for test in changes.gone_tests), None)
        stamps, self._new_stamps = self._new_stamps, {}
        rows |= {("stamp", path): _encode(stamp) if stamp else None for path, stamp in stamps.items()}
        return rows

    def meta(self) -> dict[str, object]:
        """Return the small things to be stored."""
        return {
            "environment": self._environment,
            "python_files": list(self._python_files),
            "tables": self.tables.meta(),
            "variables": self._known_variables or self._variables,
        }

    # --- inside ---

    @property
    def _digests(self) -> dict[str, str]:
        return {path: stamp.digest for path, stamp in self._stamps.items() if not path.endswith(".py")}

    def _world(self) -> str:
        return f"{self._environment} {self._python_files}"

    def _look(self, paths: Iterable[Path]) -> dict[str, Fingerprint | None]:
        changes: dict[str, Fingerprint | None] = {}
        for full in paths:
            if full.is_dir():
                continue
            path = full.relative_to(self._root).as_posix()
            known = self._stamps.get(path)
            found = look(self._root, path, known, python_files=self._python_files)
            if found is None:
                if self._stamps.pop(path, None) is not None:
                    self._new_stamps[path] = None
                    changes[path] = None
                changes |= self._gone_below(path)
                continue
            self._stamps[path] = self._new_stamps[path] = found[0]
            if found[1] is not None:
                changes[path] = found[1]
        return changes

    def _gone_below(self, folder: str) -> dict[str, None]:
        """A folder that was moved away tells nothing of the files in it."""
        gone = [path for path in self._stamps if path.startswith(f"{folder}/")]
        for path in gone:
            del self._stamps[path]
            self._new_stamps[path] = None
        return dict.fromkeys(gone)

    def _variable(self, name: str) -> str:
        """Return what stands for the value of an environment variable, or of all (`*`)."""
        hashes = self._variables.hashes
        if name != "*":
            return hashes.get(name, "")
        return " ".join(f"{one}={value}" for one, value in hashes.items() if not is_of_the_terminal(one))

    def _changed_variables(self) -> list[str]:
        before, self._known_variables = self._known_variables, self._variables
        return [] if before is None else list(changed_names(before, self._variables))

    def _remember(self, changes: dict[str, Fingerprint | None], variables: Sequence[str] = ()) -> Effect:
        if not changes and not variables:
            return Effect()
        affection = self._index.affected(changes, variables)
        told = [f"${name}" for name in variables] if affection.tests else []
        returns = self._index.returns(changes)
        appeared = any(
            not path.endswith(".py") if new is None else not self._index.knows(path)
            for path, new in changes.items()
        )
        saved_at = 0.0
        known = self._index.files
        moved = {p for p, new in changes.items() if new is None or p not in known or not known[p].fingerprint}
        for path, print_ in changes.items():
            self._index.remember(path, print_)
            stamp = self._stamps.get(path)
            saved_at = max(saved_at, stamp.mtime_ns / 1e9 if stamp else 0.0)
        return Effect(
            paths=(*changes, *told),
            tests=affection.tests,
            new_in=affection.new_in,
            everything=affection.everything,
            returns=returns,
            appeared=appeared,
            saved_at=saved_at or time.time(),
            moved=frozenset(moved),
        )


def _any_change(fingerprint: Fingerprint) -> Fingerprint:
    """Return the fingerprint of a file in which everything is different."""
    blocks = dict.fromkeys(fingerprint.blocks, "?")
    return msgspec.structs.replace(fingerprint, digest="?", level="?", blocks=blocks)


def _environment(python: str) -> str:
    if not python:
        return ""
    library = Path(python).parent.parent / "lib"
    folders = sorted(library.glob("python3*/site-packages"))
    return environment_key(folders, python=" ".join(folder.parent.name for folder in folders))


def _restored(history: History, kind: str, row: type[T]) -> dict[str, T]:
    decode = msgspec.msgpack.Decoder(row).decode
    return {key: decode(data) for key, data in history.dependencies(kind).items()}
