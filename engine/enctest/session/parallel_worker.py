"""A worker of a parallel run: a copy of the collected session that takes units and runs their tests."""

from __future__ import annotations

import os
import traceback
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NoReturn

import pytest

from enctest.session.board import CLOSING, IDLE, Board
from enctest.session.forking import become_child, die_with_parent, end_child, reopen_captures
from enctest.session.messages import TestDone, WarningTold, WorkerDone, send
from enctest.session.queue import NumberQueue
from enctest.session.units import Unit


@dataclass(frozen=True)
class Team:
    """What all workers of a run have in common; the ids are those that pytest-xdist gives.

    `isolated` are the places of the tests that get a worker of their own; only `named` workers have ids.
    """

    size: int
    board: Board
    isolated: frozenset[int] = frozenset()
    named: bool = True
    uid: str = field(default_factory=lambda: uuid.uuid4().hex)


@dataclass(frozen=True)
class Share:
    """What one worker is given.

    Attributes:
        number: Its own; the second is `gw1`, as with pytest-xdist.
        slot: Its place on the board.
        units: All units; the queue holds their numbers.
        pipe: Where it tells what happens.
        outputs: Files for what tests print, by descriptor.
        parent: Process id of the session.
    """

    number: int
    slot: int
    units: list[Unit]
    queue: NumberQueue
    pipe: int
    outputs: Mapping[int, int]
    parent: int

    @property
    def name(self) -> str:
        """The id that suites look at."""
        return f"gw{self.number}"


class ParallelWorker:
    """Runs in the copy, until the process ends.

    Args:
        session: The collected session.
        team: The run.
        share: This worker's part in it.
        prepare: Called once, for recording to go on in the copy.
        finish: Called with the exit status when all is torn down.
    """

    def __init__(
        self,
        session: pytest.Session,
        team: Team,
        share: Share,
        prepare: Callable[[], None],
        finish: Callable[[int], None],
    ) -> None:
        self._session = session
        self._team = team
        self._share = share
        self._prepare = prepare
        self._finish = finish
        self._reports: list[dict[str, Any]] = []
        self._warnings: list[WarningTold] = []
        self._pid = 0
        self._state: Any = session._setupstate  # noqa: SLF001
        self._teardown = self._state.teardown_exact
        self._at_boundary = False
        self._following: int | None = None
        self._given: pytest.Item | None = None
        self._nextitem: pytest.Item | None = None
        self._more = False

    def run(self) -> NoReturn:
        """Run tests until there are no more, tear down, end the process."""
        try:
            done = self._guarded(self._begin_and_run)
            self._board(CLOSING)
            closed = self._guarded(lambda: self._teardown(None))
            self._finish(int(self._session.testsfailed > 0))
            last = closed if done == WorkerDone() else done
            send(self._share.pipe, replace(last, more=self._more))
            end_child(0)
        finally:
            os._exit(1)  # the session is gone: nothing may go on in the copied stack

    def _guarded(self, action: Callable[[], object]) -> WorkerDone:
        try:
            action()
        except KeyboardInterrupt:
            return WorkerDone(interrupted=not self._team.board.is_stopping)
        except pytest.exit.Exception as error:
            return WorkerDone(exit_reason=error.msg, exit_code=error.returncode)
        except BaseException:  # noqa: BLE001 - nothing may escape into the copied stack; the session tells it
            return WorkerDone(broken=traceback.format_exc())
        return WorkerDone()

    def _begin_and_run(self) -> None:
        self._pid = os.getpid()
        die_with_parent(self._share.parent)
        become_child()
        self._share.queue.join()
        if self._team.named:
            self._identify()
        config = self._session.config
        reopen_captures(config, self._share.outputs)
        for descriptor in self._share.outputs.values():
            os.close(descriptor)
        _silence(config, "terminalreporter")
        _own_basetemp(config, f"popen-{self._share.name}")
        self._prepare()
        config.pluginmanager.register(self, "enctest-parallel-worker")
        self._warnings.clear()  # pytest tells a new plugin of earlier ones, which the session knows
        self._state.teardown_exact = self._teardown_exact
        self._run_units()

    def _identify(self) -> None:
        name, size, uid = self._share.name, self._team.size, self._team.uid
        os.environ["PYTEST_XDIST_WORKER"] = name
        os.environ["PYTEST_XDIST_WORKER_COUNT"] = str(size)
        os.environ["PYTEST_XDIST_TESTRUNUID"] = uid
        config: Any = self._session.config
        config.workerinput = {"workerid": name, "workercount": size, "testrunuid": uid}
        config.workeroutput = {}

    def _run_units(self) -> None:
        take, units, session = self._share.queue.take, self._share.units, self._session
        number = take()
        while number is not None:
            first, end, _ = units[number]
            if first in self._team.isolated:
                self._at_boundary, self._more = False, True
                self._run_test(first)
                return
            for index in range(first, end):
                self._at_boundary, self._following = index == end - 1, None
                self._run_test(index)
                if self._team.board.is_stopping or session.shouldfail or session.shouldstop:
                    return
            number = take() if self._at_boundary else self._following

    def _run_test(self, index: int) -> None:
        session = self._session
        item = session.items[index]
        self._board(index)
        last = index in self._team.isolated or index + 1 == len(session.items)
        self._given = self._nextitem = None if last else session.items[index + 1]
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=self._given)
        if os.getpid() != self._pid:
            os._exit(1)  # a process that the test forked and that forgot to end
        reports, self._reports = self._reports, []
        told, self._warnings = self._warnings, []
        send(self._share.pipe, TestDone(index, reports, told, session.shouldfail, session.shouldstop))
        self._board(IDLE)

    def _teardown_exact(self, nextitem: pytest.Item | None) -> None:
        """Tear down what the next test of this worker does not use.

        Where a unit ends, the next one is taken only now: while the test ran, another worker could have it.
        """
        session = self._session
        if nextitem is self._given and not (session.shouldfail or session.shouldstop):
            if self._at_boundary:
                self._following, self._at_boundary = self._share.queue.take(), False
                self._nextitem = self._item_of(self._following)
            nextitem = self._nextitem
        self._teardown(nextitem)

    def _item_of(self, unit: int | None) -> pytest.Item | None:
        return None if unit is None else self._session.items[self._share.units[unit].first]

    def _board(self, state: int) -> None:
        self._team.board.set(self._share.slot, state)

    # --- what pytest says ---

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep a report for the session."""
        config = self._session.config
        data = config.hook.pytest_report_to_serializable(config=config, report=report)
        if data is not None:
            self._reports.append(data)

    def pytest_warning_recorded(
        self, warning_message: Any, when: str, nodeid: str, location: tuple[str, int, str] | None
    ) -> None:
        """Keep a warning for the session."""
        self._warnings.append(WarningTold.of(warning_message, when, nodeid, location))


class _Silenced:
    """Stands in for a plugin: what asks for it by name finds it, but pytest's hooks do not reach it."""

    def __init__(self, plugin: object) -> None:
        self._silenced = plugin

    def __getattr__(self, name: str) -> Any:
        return getattr(self._silenced, name)


def _silence(config: pytest.Config, name: str) -> None:
    manager = config.pluginmanager
    plugin: Any = manager.getplugin(name)
    if plugin is None:
        return
    manager.unregister(plugin)
    writer = getattr(plugin, "_tw", None)
    if writer is not None:
        writer._file = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SLF001, SIM115 - until the process ends
    manager.register(_Silenced(plugin), name)


def _own_basetemp(config: pytest.Config, name: str) -> None:
    """Let `tmp_path` be in a folder of this worker's, in the run's."""
    factory: Any = getattr(config, "_tmp_path_factory", None)
    if factory is None:
        return
    folder = factory.getbasetemp() / name
    folder.mkdir(mode=0o700, exist_ok=True)
    factory._basetemp = folder  # noqa: SLF001
