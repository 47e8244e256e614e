"""The desk: what front ends ask for, and the answers they get."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING

from msgspec.structs import replace

from enctest.errors import EnctestError
from enctest.events import (
    Base,
    Command,
    Debug,
    Details,
    Explain,
    Explained,
    ExplainQuery,
    FindBase,
    FindStacks,
    FindUsers,
    Follow,
    FollowRun,
    How,
    Hunt,
    Pause,
    RunFailed,
    RunTests,
    Stop,
    TakeRun,
)
from enctest.explorer.debugging import Debugging
from enctest.explorer.explaining import explain
from enctest.explorer.front_ends import FrontEnd
from enctest.explorer.stacks import find_stacks
from enctest.record import Event

if TYPE_CHECKING:
    from enctest.explorer.explorer import Explorer


class Desk:
    """Obeys commands on behalf of an explorer."""

    def __init__(self, explorer: Explorer) -> None:
        self._explorer = explorer
        self.debugging = Debugging(explorer)
        self._tasks: set[asyncio.Task[None]] = set()

    def obey(self, front_end: FrontEnd, command: Command) -> None:
        """Do what a front end asks."""
        match command:
            case Follow(test=str(test)):
                front_end.send([self._details(test)])
            case FindUsers() | FindBase():
                front_end.send([self._answer(command)])
            case Debug():
                self.debugging.begin(front_end, command)
            case FindStacks() | Explain() | ExplainQuery():
                task = asyncio.create_task(self._answer_later(front_end, command))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
            case _:
                self._do(command)

    def _do(self, command: Command) -> None:
        """Do what is answered by what happens."""
        explorer = self._explorer
        match command:
            case FollowRun() | TakeRun():
                explorer.handed_in.told(command)
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

    async def _answer_later(self, front_end: FrontEnd, question: FindStacks | Explain | ExplainQuery) -> None:
        if isinstance(question, FindStacks):
            front_end.send([await find_stacks(self._explorer, question.test)])
        elif isinstance(question, Explain):
            front_end.send([await explain(self._explorer, question.test, question.run)])
        else:
            front_end.send([await self._explain_query(question)])

    async def _explain_query(self, asked: ExplainQuery) -> Explained:
        from enctest.databases import explaining

        explorer = self._explorer
        told = Explained(test=asked.test, run=asked.run, span=asked.span)
        try:
            plan = await asyncio.to_thread(
                explaining.explain,
                explorer.project.root,
                explorer.settings.databases,
                asked.test,
                asked.namespace,
                asked.query,
            )
        except EnctestError as error:
            return replace(told, problem=f"{error.title}. {error.hint}".rstrip(". "))
        return replace(told, plan=plan.lines, database=plan.database)

    def _answer(self, question: FindUsers | FindBase) -> Event:
        if isinstance(question, FindUsers):
            return self._explorer.selector.users(question.path, question.function)
        test, run, against, other = question.test, question.run, question.against, question.other
        journal = self._explorer.journal
        base, spans = journal.trace(other) if against == "other" else journal.base(test, run, against)
        return Base(test=test, run=run, against=against, other=other, base_run=base, spans=spans)

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
        elsewhere = self._explorer.handed_in.look(test) if spans is None else None
        result = self._explorer.journal.result(test)
        entry = self._explorer.book.tests.get(test)
        run, stored = (0, ()) if spans is not None else elsewhere or self._explorer.journal.trace(test)
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
