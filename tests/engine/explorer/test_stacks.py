"""Where a test hangs, asked from outside: asleep, locked out, awaiting forever, holding the interpreter."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.engine.explorer.lab import Lab, explore
from tests.harness import PATIENCE

from enctest.events import FindStacks, RunFinished, RunTests, Stack, Stacked, Stop, TestStarted

HANGS = """
    import asyncio, ctypes, os, threading, time

    def go_on(): return not os.path.exists("HANG")

    def fall_asleep():
        time.sleep(600)

    def test_sleep():
        if not go_on(): fall_asleep()

    def test_lock():
        lock = threading.Lock()
        lock.acquire()
        if not go_on(): lock.acquire()

    def wait_beside(event):
        event.wait()

    def test_thread():
        if go_on(): return
        event = threading.Event()
        threading.Thread(target=wait_beside, args=(event,), name="helper", daemon=True).start()
        event.wait()

    async def inner():
        await asyncio.get_running_loop().create_future()

    async def outer():
        await inner()

    async def both():
        await asyncio.gather(asyncio.create_task(outer(), name="first"), asyncio.sleep(600))

    def test_await():
        if not go_on(): asyncio.run(both())

    def test_hold():
        if not go_on(): ctypes.PyDLL(None).sleep(600)
"""


async def hanging(lab: Lab, name: str, there: Callable[[Stacked], bool]) -> Stacked:
    """Run a test that hangs, ask where until it has come `there`, and end it."""
    test = f"test_hangs.py::test_{name}"
    lab.give(RunTests(tests=(test,)))
    await lab.until("it starts", lambda: lab.new(TestStarted))
    answer = Stacked(run=0, test="")
    deadline = time.monotonic() + PATIENCE
    while not there(answer):
        lab.give(FindStacks(test=test))
        await lab.until("the answer", lambda: lab.new(Stacked))
        (answer,) = lab.new(Stacked)
        assert time.monotonic() < deadline, answer
    assert not answer.problem
    assert answer.test == test
    assert answer.since > 0
    assert answer.pid > 0
    lab.give(Stop())
    await lab.idle(after=RunFinished)
    return answer


def at(function: str) -> Callable[[Stacked], bool]:
    return lambda answer: any(own(stack)[-1:] == [function] for stack in answer.stacks)


def main(answer: Stacked) -> Stack:
    (stack,) = [stack for stack in answer.stacks if stack.kind == "main"]
    return stack


def own(stack: Stack) -> list[str]:
    """Return the functions of the test file in a stack, outermost first."""
    return [frame.partition(" ")[2] for frame in stack.frames if frame.startswith("test_hangs.py:")]


def test_stacks_of_hanging_tests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    switch = tmp_path / "hang"

    async def story(lab: Lab) -> None:
        switch.touch()
        asleep = await hanging(lab, "sleep", at("fall_asleep"))
        assert own(main(asleep)) == ["test_sleep", "fall_asleep"]
        assert main(asleep).frames[-1] == "test_hangs.py:7 fall_asleep"
        assert not asleep.is_held

        assert own(main(await hanging(lab, "lock", at("test_lock")))) == ["test_lock"]

        beside = await hanging(lab, "thread", at("wait_beside"))
        (helper,) = [stack for stack in beside.stacks if stack.name == "helper"]
        assert helper.kind == "thread"
        assert own(helper) == ["wait_beside"]

        waiting = await hanging(lab, "await", at("inner"))
        assert own(main(waiting)) == ["test_await"]
        tasks = {stack.name: stack for stack in waiting.stacks if stack.kind == "task"}
        assert own(tasks["first"]) == ["outer", "inner"]
        assert tasks["first"].waits == "a future"
        assert ["both"] in [own(stack) for stack in tasks.values()]
        assert len(tasks) == 3

        held = await hanging(lab, "hold", lambda answer: answer.is_held and at("test_hold")(answer))
        assert held.is_held
        assert own(main(held)) == ["test_hold"]
        assert lab.explorer.running is None
        assert not list(lab.explorer.project.runtime.glob("stacks-*"))

    explore(tmp_path, monkeypatch, {"test_hangs.py": HANGS.replace("HANG", str(switch))}, story)
