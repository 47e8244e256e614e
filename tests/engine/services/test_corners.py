"""The current test is known in threads, pools, processes and loops, and nowhere else."""

from __future__ import annotations

import asyncio
import concurrent.futures
import multiprocessing
import threading

import anyio
import pytest
from tests.harness import PATIENCE

from enctest import Service, api, et


class Rates(Service):
    @api
    def rate(self) -> int:
        return 1


def ask(_: object = None) -> int:
    return Rates.rate()


def ask_into(found: list[int]) -> None:
    found.append(ask())


def send(queue: multiprocessing.Queue[int]) -> None:
    queue.put(ask())


class Asking(threading.Thread):
    found = 0

    def run(self) -> None:
        self.found = ask()


class AtImport:
    """A thread from before the tests, which asks when it is told to."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.answers: list[int] = []
        self.answered = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)

    def run(self) -> None:
        while self.asked.wait():
            self.asked.clear()
            self.answers.append(ask())
            self.answered.set()

    def answer(self) -> int:
        self.answered.clear()
        self.asked.set()
        assert self.answered.wait(PATIENCE)
        return self.answers[-1]


POOL = concurrent.futures.ThreadPoolExecutor(1)
EARLIER = AtImport()
EARLIER.thread.start()


@pytest.fixture
def two() -> None:
    et.mock_endpoint(Rates.rate, lambda: 2)


@pytest.mark.usefixtures("two")
def test_in_threads_of_all_kinds() -> None:
    asking, found = Asking(), list[int]()
    timer = threading.Timer(0, ask_into, [found])
    for thread in (asking, timer):
        thread.start()
        thread.join()
    assert (asking.found, found) == (2, [2])


@pytest.mark.usefixtures("two")
def test_in_a_pool_that_others_use_too() -> None:
    assert POOL.submit(ask).result() == 2
    assert list(POOL.map(ask, range(3))) == [2, 2, 2]


def test_in_a_pool_that_others_use_too_next() -> None:
    assert POOL.submit(ask).result() == 1


@pytest.mark.usefixtures("two")
def test_in_processes_that_are_forked() -> None:
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    process = context.Process(target=send, args=[queue])
    process.start()
    assert queue.get(timeout=PATIENCE) == 2
    process.join()
    queue.close()
    queue.join_thread()


@pytest.mark.usefixtures("two")
def test_in_tasks_callbacks_and_their_threads() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        assert await asyncio.to_thread(ask) == 2
        assert await loop.run_in_executor(None, ask) == 2
        assert await anyio.to_thread.run_sync(ask) == 2
        future: asyncio.Future[int] = loop.create_future()
        loop.call_later(0, lambda: future.set_result(ask()))
        assert await future == 2

    asyncio.run(main())


@pytest.mark.usefixtures("two")
def test_not_in_a_thread_from_before_the_tests() -> None:
    """It is nobody's: what it does between two tests must not depend on which of them is nearer."""
    assert ask() == 2
    assert EARLIER.answer() == 1
