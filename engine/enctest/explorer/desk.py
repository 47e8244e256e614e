"""The desk: what front ends ask for, and the answers they get."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from enctest.errors import EnctestError
from enctest.events import (
    Base,
    Command,
    Debug,
    DebugReady,
    Details,
    Explain,
    Explained,
    FindBase,
    FindUsers,
    Follow,
    How,
    Hunt,
    Pause,
    RunFailed,
    RunTests,
    Stop,
    TakeRun,
)
from enctest.explorer.front_ends import FrontEnd
from enctest.record import Event

_ALONE = {"pytest-xdist": "-n0", "pytest-cov": "--no-cov"}
"""What to add so that a debugger has the test, and the terminal, to itself."""

_SLOT = "debug"
"""The databases of the test that is debugged last."""

if TYPE_CHECKING:
    from enctest.databases.manager import Lease
    from enctest.explorer.explorer import Explorer


class Desk:
    """Obeys commands on behalf of an explorer."""

    def __init__(self, explorer: Explorer) -> None:
        self._explorer = explorer
        self._tasks: set[asyncio.Task[None]] = set()
        self._lease: Lease | None = None

    def obey(self, front_end: FrontEnd, command: Command) -> None:
        """Do what a front end asks."""
        explorer = self._explorer
        match command:
            case Follow(test=str(test)):
                front_end.send([self._details(test)])
            case FindUsers() | FindBase():
                front_end.send([self._answer(command)])
            case TakeRun(folder=folder):
                explorer.handed_in.take(Path(folder))
            case RunTests():
                self._run_asked(command)
            case RunFailed():
                self._ask(explorer.book.failed(), "failed before")
            case Hunt(test=test):
                explorer.hunt(test)
            case Stop():
                explorer.stop()
            case Pause(on=on):
                explorer.pause(on=on)
            case Debug() | Explain():
                self._later(self._answer_later(front_end, command))

    def _later(self, answer: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(answer)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer_later(self, front_end: FrontEnd, command: Debug | Explain) -> None:
        if isinstance(command, Debug):
            await self._debug(front_end, command.test)
        else:
            await self._explain(front_end, command)

    async def _explain(self, front_end: FrontEnd, asked: Explain) -> None:
        from enctest.databases.explaining import explain

        explorer = self._explorer
        root, settings = explorer.project.root, explorer.settings.databases
        told = Explained(test=asked.test, run=asked.run, span=asked.span)
        try:
            plan = await asyncio.to_thread(explain, root, settings, asked.test, asked.namespace, asked.query)
            told = replace(told, plan=plan.lines, database=plan.database)
        except EnctestError as error:
            told = replace(told, problem=f"{error.title}. {error.hint}".rstrip(". "))
        front_end.send([told])

    def _answer(self, question: FindUsers | FindBase) -> Event:
        if isinstance(question, FindUsers):
            return self._explorer.selector.users(question.path, question.function)
        test, run, against = question.test, question.run, question.against
        base, spans = self._explorer.journal.base(test, run, against)
        return Base(test=test, run=run, against=against, base_run=base, spans=spans)

    def refresh(self, tests: Iterable[str]) -> None:
        """Tell the front ends that follow one of these tests that it stands differently now."""
        changed = set(tests)
        for front_end in self._explorer.front_ends.subscribed():
            if front_end.follows in changed:
                front_end.send([self._details(front_end.follows)])

    def _run_asked(self, command: RunTests) -> None:
        if command.tests is None:
            self._explorer.agenda.everything(command.reason, command.how)
            self._explorer.interrupt()
            return
        self._ask(self._explorer.book.match(command.tests), command.reason, command.how)

    def _ask(self, tests: set[str], reason: str, how: How = "warm") -> None:
        files = {self._explorer.book.tests[test].file for test in tests if test in self._explorer.book.broken}
        self._explorer.agenda.add(tests - self._explorer.book.broken, files, reason, how)
        self._explorer.interrupt()

    def _details(self, test: str) -> Details:
        running = self._explorer.running
        spans = running.ledger.traces.of(test) if running else None
        result = self._explorer.journal.result(test)
        entry = self._explorer.book.tests.get(test)
        run, stored = (0, ()) if spans is not None else self._explorer.journal.trace(test)
        return Details(
            test=test,
            run=running.job.run if running and spans is not None else run,
            outcome=entry.outcome if entry else None,
            running=entry.running if entry else False,
            duration_ms=entry.duration_ms if entry else 0.0,
            message=entry.message if entry else "",
            failure=result.failure if result else "",
            sections=result.sections if result else (),
            path=result.path if result and result.path else (entry.info.path if entry else ""),
            line=result.line if result and result.path else (entry.info.line if entry else 0),
            why=self._explorer.selector.why(test),
            spans=stored if spans is None else spans,
        )

    async def _debug(self, front_end: FrontEnd, test: str) -> None:
        explorer = self._explorer
        try:
            explorer.leases.release(_SLOT, self._lease)
            self._lease = lease = await explorer.leases.lease(_SLOT)
        except EnctestError as error:
            explorer.tell(error)
            return
        versions = explorer.hosts.ready.versions if explorer.hosts.ready else {}
        alone = [option for name, option in _ALONE.items() if name in versions]
        options = [arg for arg in explorer.args if not _is_path(arg, explorer.project.invocation)]
        argv = (explorer.python, "-m", "pytest", "--pdb", *alone, *options, test)
        env = dict(lease.env) if lease else {}
        cwd = str(explorer.project.invocation)
        front_end.send([DebugReady(test=test, argv=argv, env=env, cwd=cwd)])


def _is_path(arg: str, folder: Path) -> bool:
    """Tell whether an argument names tests: the debugger is to get only its own."""
    return (folder / arg.split("::", 1)[0]).exists()
