"""Which tests a changed migration or seed reaches: those whose queries can depend on what it touches."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import msgspec

from enctest.config import DatabaseSettings
from enctest.databases import plans
from enctest.databases.migrations import Migration
from enctest.databases.touching import Schema, difference, statements, targets, words
from enctest.errors import EnctestError
from enctest.events import SpanStarted
from enctest.store.history import History
from enctest.tracing.redaction import REDACTED

_MOST_WORDS = 2000
"""Words of a test's queries from which on it is said to use everything."""
_LONGEST = 4000
"""Characters of a query that spans surely have whole."""
_ALL = "*"
_WITHOUT_TABLES = frozenset({"redis", "valkey"})
"""Systems whose queries are no SQL."""


class Known(msgspec.Struct):
    """What is remembered: the distinct sets of words and whose they are, and the statements of each database.

    Attributes:
        words: Sets of words.
        tests: Index into `words` by test.
        fixtures: The same by fixture that tests share, as in `sharing.around`.
        statements: By database; None where they cannot be told.
    """

    words: list[list[str]] = []
    tests: dict[str, int] = {}
    fixtures: dict[str, int] = {}
    statements: dict[str, list[str] | None] = {}


class Tables:
    """The words of every test's queries, and the statements that made the databases.

    A name is looked for among all words of a query: columns and texts are taken for tables, too, never the
    other way round. `*` among a test's words means that it may use any table.

    Args:
        history: Where they are remembered.
    """

    def __init__(self, history: History) -> None:
        known = history.meta("tables", Known) or Known()
        sets = [frozenset(one) for one in known.words]
        self._words = {test: sets[index] for test, index in known.tests.items()}
        self._shared = {fixture: sets[index] for fixture, index in known.fixtures.items()}
        for test in history.meta("database_tests", list[str]) or ():  # of a version that kept no words
            self._words.setdefault(test, frozenset({_ALL}))
        self._statements = dict(known.statements)
        self._schemas: dict[str, Schema] = {}
        self._told: Known | None = None
        self._marks: dict[frozenset[str], str] = {}

    # --- tests ---

    @property
    def fixtures(self) -> Collection[str]:
        """The fixtures that tests share and that sent queries."""
        return self._shared.keys()

    @property
    def any_seen(self) -> bool:
        """Whether any test was ever seen to send a query."""
        return bool(self._words or self._shared)

    def seen(self, span: SpanStarted, fixtures: Iterable[str] = ()) -> None:
        """A test sent a query; in the set-up of fixtures that others use as well, it is all theirs alike.

        Which test sets a fixture up depends on what else runs, and must not show in its `state`.
        """
        system = span.attributes.get("db.system.name")
        if system in _WITHOUT_TABLES:
            return
        text = str(span.attributes.get("db.query.text", ""))
        whole = 0 < len(text) < _LONGEST and "…" not in text and REDACTED not in text
        found = words(text) if whole else frozenset({_ALL})
        namespace = span.attributes.get("db.namespace", "")
        name = "@" if system == "sqlite" else f"@{namespace}"  # a file's name is not the database's
        shared = list(fixtures)
        for one in shared or [span.test]:
            self._add(self._shared if shared else self._words, one, found, name)

    def lost(self, test: str) -> None:
        """Not all queries of a test were told."""
        self._words[test] = self._words.get(test, frozenset()) | {_ALL}
        self._told = None

    def forget(self, tests: Iterable[str]) -> None:
        """Tests are gone."""
        for test in tests:
            if self._words.pop(test, None) is not None:
                self._told = None

    def renamed(self, old: str, new: str) -> None:
        """A test has another node id."""
        if old in self._words:
            self._words[new] = self._words[old]
            self._told = None

    # --- changes ---

    def learn(
        self, databases: Mapping[str, DatabaseSettings], root: Path, digests: Mapping[str, str]
    ) -> None:
        """Remember the statements of databases, see `reached`."""
        for name, settings in databases.items():
            self._remember(name, _statements(name, settings, root, digests))

    def unknown(self, databases: Mapping[str, DatabaseSettings]) -> dict[str, DatabaseSettings]:
        """Return the databases that were never looked at."""
        return {name: one for name, one in databases.items() if name not in self._statements}

    def reached(
        self,
        databases: Mapping[str, DatabaseSettings],
        root: Path,
        digests: Mapping[str, str],
        *,
        pretended: Iterable[Path] = (),
    ) -> tuple[set[str], set[str]]:
        """Return what changes of these databases' files can affect; remember the new statements.

        Args:
            databases: Those whose files changed.
            root: The project's root.
            digests: SHA-256 of all files as they are remembered, by path relative to the root. One that is
                different here is changing right now: everything is reached.
            pretended: Files that are said to have changed, whether or not they have.

        Returns:
            Tests, and fixtures that tests share.
        """
        found: tuple[set[str], set[str]] = set(), set()
        for name, settings in databases.items():
            before, after = self._statements.get(name), _statements(name, settings, root, digests)
            if pretended:
                before = _statements(name, settings, root, digests, without=pretended)
            touched = None if before is None or after is None else difference(before, after)
            schemas = [Schema(one) for one in (before, after) if one is not None]
            self._remember(name, after)
            for names, who in zip(found, (self._words, self._shared), strict=True):
                names |= {
                    one
                    for one, used in who.items()
                    if self._is_in(used, name) and _may_use(used, touched, schemas)
                }
        return found

    def state(self, test: str, fixtures: Iterable[str] = ()) -> str:
        """Return what stands for the part of the databases that a test uses; empty when that is unknown.

        Args:
            test: The test.
            fixtures: Those of `fixtures` that it uses.
        """
        used = [self._words.get(test), *(self._shared[fixture] for fixture in fixtures)]
        marks: list[str] = []
        for one in dict.fromkeys(used):
            if one is not None and one not in self._marks:
                self._marks[one] = self._mark(one)
            marks.append("-" if one is None else self._marks[one])
        return ",".join(marks) if all(marks) else ""

    # --- storage ---

    def meta(self) -> Known:
        """Return what is to be remembered."""
        if self._told is None:
            numbers: dict[frozenset[str], int] = {}
            tests, fixtures = (
                {name: numbers.setdefault(used, len(numbers)) for name, used in who.items()}
                for who in (self._words, self._shared)
            )
            self._told = Known([sorted(one) for one in numbers], tests, fixtures, dict(self._statements))
        return self._told

    # --- inside ---

    def _add(self, who: dict[str, frozenset[str]], one: str, found: frozenset[str], name: str) -> None:
        before = who.get(one, frozenset())
        if name not in before or not found <= before:
            more = before | found | {name}
            who[one] = more if len(more) < _MOST_WORDS else frozenset({_ALL, name})
            self._told = None

    def _is_in(self, used: frozenset[str], database: str) -> bool:
        """Tell whether queries went to a copy of a database, or to one of which that cannot be told."""
        names = [word[1:] for word in used if word.startswith("@")]
        for name in names:
            its = {one for one in self._statements if name == one or name.startswith(f"{one}_")}
            if database in its or not its:
                return True
        return not names

    def _remember(self, name: str, after: list[str] | None) -> None:
        self._statements[name] = after
        self._told = None
        self._marks.clear()
        if after is None:
            self._schemas.pop(name, None)
        else:
            self._schemas[name] = Schema(after)

    def _mark(self, used: frozenset[str]) -> str:
        total = hashlib.sha256()
        for name, made in sorted(self._statements.items()):
            if not self._is_in(used, name):
                continue
            if made is None:
                return ""
            reach = self._schemas.setdefault(name, Schema(made)).reach(used)
            for statement in made:
                on = targets(statement)
                if _ALL in used or on is None or on & reach:
                    total.update(statement.encode() + b"\0")
        return total.hexdigest()


def _may_use(used: frozenset[str], touched: frozenset[str] | None, schemas: Sequence[Schema]) -> bool:
    if touched is None:
        return True
    if _ALL in used:
        return bool(touched)
    return any(_reach(schema, used) & touched for schema in schemas)


@lru_cache(maxsize=1024)
def _reach(schema: Schema, used: frozenset[str]) -> frozenset[str]:
    return schema.reach(used)


def _statements(
    name: str,
    settings: DatabaseSettings,
    root: Path,
    digests: Mapping[str, str],
    without: Iterable[Path] = (),
) -> list[str] | None:
    """Return the statements of a database's files; None where a tool makes it, or they cannot be told."""
    try:
        steps = plans.make(name, settings, root).steps
    except EnctestError:
        return None
    found: list[str] = []
    for step in steps:
        if not isinstance(step, Migration) or not _is_known(step.path, root, digests):
            return None
        found += statements(step.sql) if step.path not in without else []
    return found


def _is_known(path: Path, root: Path, digests: Mapping[str, str]) -> bool:
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return False
    return path.is_relative_to(root) and digests.get(path.relative_to(root).as_posix()) == digest
