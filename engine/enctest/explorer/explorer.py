"""The explorer: one loop that turns saves and commands into runs, and runs into events.

It owns all state; nothing of the project under test is imported here. See ARCHITECTURE.md, "Actors".
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import traceback
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from enctest import config
from enctest.config import Settings
from enctest.errors import EnctestError
from enctest.events import (
    Affected,
    Attached,
    Databases,
    DatabaseStatus,
    Error,
    Notice,
    Paused,
    Phase,
    Ready,
    TestsRemoved,
)
from enctest.explorer.agenda import Agenda, Wish
from enctest.explorer.audit import Audit
from enctest.explorer.book import Book
from enctest.explorer.changes import Changes
from enctest.explorer.client import watched
from enctest.explorer.conductor import Conductor
from enctest.explorer.desk import Desk
from enctest.explorer.earlier import Earlier
from enctest.explorer.front_ends import FrontEnds
from enctest.explorer.handed_in import HandedIn
from enctest.explorer.hosts import Hosts
from enctest.explorer.idle import Idle
from enctest.explorer.journal import Journal, name_of
from enctest.explorer.leases import Leases
from enctest.explorer.running import Running
from enctest.explorer.selector import Selector
from enctest.explorer.trials import Trials
from enctest.paths import Project
from enctest.record import Event
from enctest.session.job import Job
from enctest.store.owner import Ownership

FRESH = "--fresh"
"""Among pytest's arguments: each run gets a pytest process of its own, as with the setting `fork = false`."""
ISOLATE = "--isolate"
"""Likewise: a process for each test, forked after collection."""
_RECENT = 4
"""Files that are taken for likely to be edited next, at the first start: those written last."""

_UNTIL_PLAIN_RUNS_END = 1.0
"""Seconds to wait for the history while somebody else writes it."""
_FIRST_GREETING = 1.0
"""Seconds to wait for the first front end before the index is loaded all the same."""
_QUICK_SWITCH = 0.0005
"""Seconds after which a thread lets the loop go on while the index is loaded."""
_FIRST_VISIT = 20.0
"""Seconds to wait for the first front end."""


class Explorer:
    """One project's explorer.

    Args:
        project: The project under test.
        args: The user's pytest arguments; with `--lf`, what failed last runs at the start.
        python: The project's interpreter.
        door: The socket to listen on.
    """

    def __init__(self, project: Project, *, args: Sequence[str], python: str, door: Path) -> None:
        self.project = project
        given = tuple(arg for arg in args if arg not in (FRESH, ISOLATE))
        self._isolates = ISOLATE in args
        self.args = watched(given)
        self.begins_with_failed = self.args != given
        self.python = python
        self.book = Book()
        self.agenda = Agenda()
        self.handed_in = HandedIn(self)
        self.door = door
        self.desk = Desk(self)
        self.front_ends = FrontEnds(self._greet, self.desk.obey)
        self._forks = FRESH not in args
        self.settings, self._settings_error = self._read_settings()
        self.changes = Changes(self)
        self._ownership, name = _own(project, self.args, door)
        self.journal = Journal(project, self.args, self._publish_soon, name=name, in_any_case=True)
        self.selector = Selector(project, self.journal.history, python)
        self.earlier = Earlier(self.book, self.selector, self.journal, lambda: self.running is not None)
        self._phase = Phase(phase="starting")
        self._databases: tuple[DatabaseStatus, ...] = ()
        self.paused = False
        self._standing: deque[Error] = deque(maxlen=3)
        self.wake = asyncio.Event()
        self.running: Running | None = None
        self.needs_host = True
        self.needs_databases = True
        self.saved_at = 0.0
        self._runs = self.journal.last_run
        self._leaving: asyncio.Future[tuple[None, None]] | None = None
        self.idle = Idle(self)
        self.trials = Trials(self)
        self.audit = Audit(self, self.journal.counts)
        self.change = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self.hosts = self._new_hosts()
        self.leases = Leases(project, self.settings, self._on_databases)

    # --- life ---

    async def serve(self) -> None:
        """Serve front ends until the last one has left."""
        self._loop = asyncio.get_running_loop()
        self._restore()
        await self.front_ends.listen(self.door)
        with contextlib.suppress(TimeoutError):  # the first screen comes first
            await asyncio.wait_for(self.front_ends.greeted.wait(), _FIRST_GREETING)
        await asyncio.to_thread(self._load)
        tasks = [asyncio.create_task(Conductor(self).conduct()), asyncio.create_task(self.changes.watch())]
        patrol = asyncio.create_task(self.changes.patrol())
        leave = asyncio.create_task(self._wait_for_last())
        try:
            await asyncio.wait([*tasks, leave], return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                if task.done() and (defect := task.exception()):
                    traceback.print_exception(defect)  # ours, not the project's: say it in the log and end
        finally:
            for task in (*tasks, leave, patrol):
                task.cancel()
            await self.front_ends.close()  # first: who comes now waits for the next explorer
            await asyncio.gather(*tasks, leave, patrol, return_exceptions=True)
            await self.idle.end()
            await self.desk.debugging.close()
            await self.hosts.stop()
            await self.leases.close()
            await self.handed_in.close()
            self.earlier.stop()
            self.journal.close(self.selector)
            self._ownership.release()

    async def _wait_for_last(self) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.front_ends.visited.wait(), _FIRST_VISIT)
        await self.front_ends.empty.wait()

    def publish(self, *events: Event) -> None:
        """Tell the front ends."""
        self.front_ends.publish(*events)

    def _publish_soon(self, event: Event) -> None:
        """Tell the front ends, from any thread."""
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended: nobody listens any more
                self._loop.call_soon_threadsafe(self.publish, event)

    def _new_hosts(self) -> Hosts:
        return Hosts(
            self.project,
            self.settings,
            python=self.python,
            args=self.args,
            on_exit=self._on_host_exit,
            records=self.selector,
        )

    def _restore(self) -> None:
        self.book.restore(self.journal.history.tests())
        self.hosts.modules, self.hosts.sets = self.journal.modules, set(self.journal.sets)

    def _load(self) -> None:
        greeted_with = self.journal.history.notice
        before = sys.getswitchinterval()
        sys.setswitchinterval(_QUICK_SWITCH)
        try:
            self.selector.load()
            self.earlier.load()
            self.hosts.chain.edited(reversed(self.selector.recent(_RECENT)))
        finally:
            sys.setswitchinterval(before)
        if self.journal.history.notice != greeted_with:
            self._publish_soon(Notice(message=self.journal.history.notice))

    def _greet(self) -> list[Event]:
        running = self.running
        attached = Attached(
            root=str(self.project.root),
            python=self.python,
            args=self.args,
            versions=self.hosts.ready.versions if self.hosts.ready else {},
            tests=tuple(entry.state() for entry in self.book.in_order()),
            databases=self._databases,
            paused=self.paused,
            run=running.job.run if running else 0,
            phase=self._phase.phase,
        )
        standing = list(self._standing)
        if self._settings_error is not None:
            standing.append(Error(message=self._settings_error.title, hint=self._settings_error.hint))
        notice = self.journal.history.notice
        notices = [Notice(message=notice)] if notice else []
        return [attached, *notices, *standing, *([Ready()] if self._phase.phase == "idle" else [])]

    # --- changes ---

    def stop(self) -> None:
        """Stop the run, or a hunt; what the run had left stays outdated."""
        self.agenda.clear()
        self.wake.set()
        if self.running is not None:
            self.running.cancel("stopped")

    def hunt(self, test: str) -> None:
        """Find the test after which this one fails, once nothing else is to be done."""
        self.idle.victim = test
        self.wake.set()

    def pause(self, *, on: bool) -> None:
        """Pause or resume watching; what changed meanwhile counts on resuming."""
        self.paused = on
        self.publish(Paused(on=on))
        if on:
            self.agenda.hold()
        else:
            self.agenda.resume()
            self.interrupt(set())

    def forget(self, tests: Sequence[str]) -> None:
        """Tests are gone."""
        self.journal.removed(tests)
        self.selector.forget(tests)
        self.publish(TestsRemoved(tests=tuple(tests)))

    def reload(self) -> None:
        """Take new settings; databases and processes start anew."""
        settings, self._settings_error = self._read_settings()
        if self._settings_error is not None:
            error = self._settings_error
            self.publish(Error(message=error.title, hint=error.hint))
            return
        if settings != self.settings:
            self.settings = settings
            hosts, leases = self.hosts, self.leases
            self.hosts, self.leases = self._new_hosts(), Leases(self.project, settings, self._on_databases)
            self.hosts.modules, self.hosts.sets = hosts.modules, hosts.sets
            self._leaving = asyncio.gather(hosts.stop(), leases.close())
            self.needs_host = self.needs_databases = True

    def interrupt(self, stale: set[str] | None = None) -> None:
        """Let a run make room when a change made some of what it has left stale, or somebody asked."""
        running = self.running
        if running is not None and (stale is None or self.needs_host or running.waits_for(stale)):
            running.cancel("superseded")
        self.wake.set()

    # --- runs ---

    def new_run(self) -> int:
        """Begin a run; return its number."""
        self._runs += 1
        return self._runs

    def job(self, wish: Wish, env: Mapping[str, str]) -> Job:
        """Return what a worker is told of a wish."""
        book = self.book
        files = book.plan(set(book.tests), ()) if wish.everything else book.plan(wish.tests, wish.files)
        return Job(
            run=self._runs,
            reason=wish.reason,
            files=files,
            everything=wish.everything,
            env=dict(env),
            root=str(self.project.root),
            state=str(self.project.state),
            stacks=str(self.project.runtime),
            spans=self.settings.spans,
            redact=tuple(self.settings.redact),
            ambient=self.settings.ambient,
            isolate=self._isolates or wish.how == "isolated",
        )

    def set_phase(self, phase: str, run: int = 0) -> None:
        """Tell what is done now."""
        self._phase = Phase(phase=phase, run=run)  # type: ignore[arg-type]
        self.publish(self._phase)

    def began(self, run: int) -> None:
        """A run has collected and starts its first test."""
        self._standing.clear()
        self.set_phase("running", run)

    def ended(self, run: int, tests: Sequence[str], since: int) -> None:
        """A run's workers are gone; what they ran before a file changed under them has to run again."""
        self._learn()
        tests = [test for test in tests if (entry := self.book.tests.get(test)) and entry.run == run]
        self.earlier.ran(tests)
        self.earlier.start()
        if self.change == since:
            return
        stale = self.book.outdate(self.selector.stale(tests), self.change)
        if stale:
            self.journal.outdated([self.book.tests[test] for test in stale], self.selector)
            self.agenda.add(stale, (), "changed while they ran")
            reasons = dict.fromkeys(stale, "what it needs changed while it ran")
            self.publish(Affected(tests=tuple(stale), total=self.book.count, reasons=reasons))

    def _learn(self) -> None:
        """Take what runs have shown of modules and variables."""
        self.hosts.modules = self.journal.modules
        self.hosts.sets = set(self.journal.sets)
        if reason := self.hosts.read_too_early():
            self.publish(Notice(message=f"{reason}: everything runs again without it"))
            self.needs_host = True
            self.agenda.everything("a module was imported too early")

    def _read_settings(self) -> tuple[Settings, EnctestError | None]:
        """Return the settings, or the defaults with what is wrong."""
        try:
            settings = config.load(self.project.root)
        except EnctestError as error:
            return Settings(fork=self._forks), error
        return msgspec.structs.replace(settings, fork=settings.fork and self._forks), None

    # --- what others tell ---

    def _on_databases(self, databases: tuple[DatabaseStatus, ...]) -> None:
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended: nobody listens any more
                self._loop.call_soon_threadsafe(self._set_databases, databases)

    def _set_databases(self, databases: tuple[DatabaseStatus, ...]) -> None:
        self._databases = databases
        self.publish(Databases(databases=databases))

    def _on_host_exit(self, output: str) -> None:
        self.needs_host = True
        self.publish(
            Error(message="The session host died; it is started anew for the next run.", hint=output[-2000:])
        )

    def tell(self, error: EnctestError) -> None:
        """Say what a user can put right."""
        self._standing.append(Error(message=error.title, hint=error.hint))
        self.publish(self._standing[-1])


def _own(project: Project, args: Sequence[str], door: Path) -> tuple[Ownership, str]:
    """Become the owner of the history of these arguments, or of one for this explorer alone."""
    name = name_of(args)
    ownership = Ownership(project.state, name)
    if ownership.acquire(str(door), _UNTIL_PLAIN_RUNS_END):
        return ownership, name
    name = (
        f"{name}-{door.stem}"  # another explorer has it: one of another interpreter, or from another folder
    )
    ownership = Ownership(project.state, name)
    ownership.acquire(str(door))
    return ownership, name
