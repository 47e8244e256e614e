"""The project's state without an explorer: for plain runs and for questions on the command line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from enctest import config
from enctest.databases import plans
from enctest.events import Error, TestFinished, WorkerEvent
from enctest.explorer.book import Book
from enctest.explorer.effect import Effect
from enctest.explorer.journal import Journal
from enctest.explorer.ledger import Ledger
from enctest.explorer.measuring import PLAIN, Measuring
from enctest.explorer.selector import Selector
from enctest.paths import Project
from enctest.record import Event
from enctest.selection.variables import THE_USERS


class Offline:
    """Book, journal and index of a project, from its history.

    Args:
        project: The project.
        args: pytest arguments of the history.
        python: The project's interpreter; empty means ours.
        variables: The environment variables that runs find.
    """

    def __init__(
        self,
        project: Project,
        args: Sequence[str],
        python: str = "",
        variables: Mapping[str, str] = THE_USERS,
    ) -> None:
        self.errors: list[Error] = []
        self.journal = Journal(project, args, self._note)
        self.book = Book()
        self.book.restore(self.journal.history.tests())
        self.selector = Selector(project, self.journal.history, python, variables)
        self._project = project
        self.selector.load()
        if self.journal.history.begun_anew:
            self.book.outdate(list(self.book.tests), 0)

    def fold(self, events: Iterable[WorkerEvent]) -> None:
        """Take the events of a finished run, after what changed before it."""
        effect = self._with_migrations(self.selector.scan())
        since = 1
        self.book.outdate(self._reach(effect), since)
        measuring = Measuring(self._project, config.load(self._project.root).findings, PLAIN)
        ledger = Ledger(self.book, self.journal, self.selector, since=since, measuring=measuring, whole=False)
        ran: list[str] = []
        for event in events:
            ledger.fold(event)
            if isinstance(event, TestFinished):
                ran.append(event.test)
        self.book.outdate(self.selector.stale(ran), since + 1)
        self.journal.changed(self.book.tests.values())
        self.journal.save(self.selector)

    def effect_of(self, paths: Sequence[Path] | None) -> Effect:
        """Return what changes of these files, or all since the last run, can affect; remembers nothing."""
        if paths is None:
            return self._with_migrations(self.selector.scan())
        return self._with_migrations(self.selector.pretend(paths), pretended=paths)

    def close(self) -> None:
        """Close; what was not folded is not written."""
        self.journal.release()

    def _with_migrations(self, effect: Effect, pretended: Sequence[Path] = ()) -> Effect:
        """Add the tests that migrations and seeds among what changed, or is said to have, reach."""
        settings = config.load(self._project.root).databases
        root = self._project.root
        changed = {path: plans.touched(settings, root, [root / path]) for path in effect.paths if settings}
        databases = {name: settings[name] for names in changed.values() for name in names}
        if databases:
            path = next(path for path, names in changed.items() if names)
            tests = dict.fromkeys(self.selector.migrated(databases, pretended), f"`{path}` changed")
            effect = replace(effect, tests=tests | effect.tests)
        self.selector.learn_databases(settings)
        return effect

    def _reach(self, effect: Effect) -> Iterable[str]:
        return list(self.book.tests) if effect.everything else effect.tests

    def _note(self, event: Event) -> None:
        if isinstance(event, Error):
            self.errors.append(event)
