"""Instances of services: one start, shared, retried, never twice, no deadlock."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from enctest import Service, api, et
from enctest.services.errors import StartCycleError, StartError

SECONDS = 20


def test_an_instance_is_made_on_the_first_call_and_shared() -> None:
    started: list[str] = []

    class Rates(Service):
        def start(self) -> None:
            started.append("start")

        @api
        def rate(self) -> int:
            return id(self)

    assert started == []
    assert Rates.rate() == Rates.rate()
    assert started == ["start"]


def test_a_failed_start_is_told_with_its_cause_and_tried_again() -> None:
    attempts: list[int] = []

    class Rates(Service):
        def start(self) -> None:
            attempts.append(1)
            if len(attempts) < 3:
                raise ConnectionError("refused")

        @api
        def rate(self) -> int:
            return 2

    for _ in range(2):
        with pytest.raises(StartError, match="Rates could not start: ConnectionError: refused") as caught:
            Rates.rate()
        assert isinstance(caught.value.__cause__, ConnectionError)
    assert Rates.rate() == 2
    assert len(attempts) == 3


def test_an_asynchronous_start_serves_both_kinds_of_callers() -> None:
    class Rates(Service):
        async def start(self) -> None:
            await asyncio.sleep(0)
            self.factor = 2

        @api
        async def later(self) -> int:
            return self.factor

        @api
        def now(self) -> int:
            return self.factor

    assert Rates.now() == 2
    assert asyncio.run(Rates.later()) == 2

    async def from_a_loop() -> int:
        return Rates.now()

    assert asyncio.run(from_a_loop()) == 2


def test_a_plain_call_within_a_loop_can_start_an_asynchronous_service() -> None:
    class Rates(Service):
        async def start(self) -> None:
            await asyncio.sleep(0)

        @api
        def now(self) -> int:
            return 1

    async def call() -> int:
        return Rates.now()

    assert asyncio.run(call()) == 1


def test_an_instance_does_not_outlive_the_loop_of_its_start() -> None:
    loops: list[Any] = []
    closed: list[int] = []

    class Pool(Service):
        async def start(self) -> None:
            loops.append(asyncio.get_running_loop())

        async def close(self) -> None:
            assert asyncio.get_running_loop() is loops[-1]
            closed.append(len(loops))

        @api
        async def size(self) -> int:
            return len(loops)

    async def twice() -> tuple[int, int]:
        return await Pool.size(), await Pool.size()

    assert asyncio.run(twice()) == (1, 1)
    assert asyncio.run(twice()) == (2, 2)
    assert closed == [1, 2]


def test_threads_that_call_at_the_same_time_start_it_once() -> None:
    go, started = threading.Event(), []

    class Slow(Service):
        def start(self) -> None:
            started.append(1)
            assert go.wait(SECONDS)

        @api
        def me(self) -> int:
            return id(self)

    with ThreadPoolExecutor(4) as pool:
        calls = [pool.submit(Slow.me) for _ in range(4)]
        go.set()
        assert len({call.result(SECONDS) for call in calls}) == 1
    assert started == [1]


def test_tasks_that_call_at_the_same_time_start_it_once() -> None:
    started = []

    class Slow(Service):
        async def start(self) -> None:
            started.append(1)
            await asyncio.sleep(0.01)

        @api
        async def me(self) -> int:
            return id(self)

    async def calls() -> list[int]:
        return await asyncio.gather(*(Slow.me() for _ in range(10)))

    assert len(set(asyncio.run(calls()))) == 1
    assert started == [1]


def test_waiting_callers_see_the_failure_they_waited_for() -> None:
    async def main() -> list[object]:
        return [*await asyncio.gather(*(Slow.me() for _ in range(3)), return_exceptions=True)]

    class Slow(Service):
        async def start(self) -> None:
            await asyncio.sleep(0.01)
            raise OSError("no")

        @api
        async def me(self) -> int:
            return 1

    found = asyncio.run(main())
    assert [type(one) for one in found] == [StartError] * 3
    assert all(isinstance(one, StartError) and isinstance(one.__cause__, OSError) for one in found)


def test_when_the_one_that_starts_is_cancelled_another_takes_over() -> None:
    begun: list[asyncio.Event] = []
    entered = asyncio.Event()

    class Slow(Service):
        async def start(self) -> None:
            event = asyncio.Event()
            begun.append(event)
            entered.set()
            if len(begun) == 1:
                await event.wait()

        @api
        async def me(self) -> int:
            return len(begun)

    async def main() -> int:
        first = asyncio.ensure_future(Slow.me())
        await asyncio.wait_for(entered.wait(), SECONDS)
        second = asyncio.ensure_future(Slow.me())
        await asyncio.sleep(0)
        first.cancel()
        return await second

    assert asyncio.run(main()) == 2


def test_a_cycle_is_named() -> None:
    class Orders(Service):
        def start(self) -> None:
            Payments.pay()

        @api
        def place(self) -> int:
            return 1

    class Payments(Service):
        def start(self) -> None:
            Books.write()

        @api
        def pay(self) -> int:
            return 1

    class Books(Service):
        def start(self) -> None:
            Orders.place()

        @api
        def write(self) -> int:
            return 1

    with pytest.raises(StartCycleError, match="Orders -> Payments -> Books -> Orders"):
        Orders.place()


def test_an_asynchronous_cycle_is_named_also_across_tasks() -> None:
    class Orders(Service):
        async def start(self) -> None:
            await asyncio.create_task(Payments.pay())

        @api
        async def place(self) -> int:
            return 1

    class Payments(Service):
        async def start(self) -> None:
            await Orders.place()

        @api
        async def pay(self) -> int:
            return 1

    with pytest.raises(StartCycleError, match="Orders -> Payments -> Orders"):
        asyncio.run(Orders.place())


def test_two_threads_that_start_what_the_other_needs_do_not_wait_forever() -> None:
    both = threading.Barrier(2)

    class Left(Service):
        def start(self) -> None:
            both.wait(SECONDS)
            Right.me()

        @api
        def me(self) -> int:
            return 1

    class Right(Service):
        def start(self) -> None:
            both.wait(SECONDS)
            Left.me()

        @api
        def me(self) -> int:
            return 2

    with ThreadPoolExecutor(2) as pool:
        calls = [pool.submit(Left.me), pool.submit(Right.me)]
        errors = [call.exception(SECONDS) for call in calls]
    cycles = [error for error in errors if isinstance(error, StartCycleError)]
    assert cycles
    assert all("Left -> Right" in str(error) or "Right -> Left" in str(error) for error in cycles)


def test_a_plain_call_does_not_block_the_loop_that_starts_the_service() -> None:
    class Slow(Service):
        async def start(self) -> None:
            await asyncio.sleep(0.05)

        @api
        async def later(self) -> int:
            return 1

        @api
        def now(self) -> int:
            return 2

    async def main() -> None:
        first = asyncio.ensure_future(Slow.later())
        await asyncio.sleep(0)
        with pytest.raises(StartCycleError, match="started by a task of this event loop"):
            Slow.now()
        assert await first == 1
        assert Slow.now() == 2

    asyncio.run(main())


def test_a_shared_start_does_not_see_the_doubles_of_the_test_that_caused_it() -> None:
    class Rates(Service):
        @api
        def rate(self) -> int:
            return 1

    class Orders(Service):
        def start(self) -> None:
            self.rate = Rates.rate()

        @api
        def price(self) -> int:
            return self.rate

    et.mock_endpoint(Rates.rate, lambda: 99)
    assert Orders.price() == 1
    et.enable_service_instance_isolation()
    assert Orders.price() == 99


def test_a_derived_service_has_an_instance_of_its_own() -> None:
    class Base(Service):
        @api
        def name(self) -> str:
            return type(self).__name__

    class Derived(Base):
        pass

    assert (Base.name(), Derived.name()) == ("Base", "Derived")


PROGRAM = """
import asyncio
from enctest import Service, api

class Calm(Service):
    def close(self):
        print("calm closed")
    @api
    def me(self) -> int:
        return 1

class Broken(Service):
    def close(self):
        print("broken closed")
        raise OSError("no")
    @api
    def me(self) -> int:
        return 1

class Later(Service):
    async def start(self):
        await asyncio.sleep(0)
    async def close(self):
        await asyncio.sleep(0)
        print("later closed")
    @api
    async def me(self) -> int:
        return 1

class Never(Service):
    def close(self):
        print("never closed")

Calm.me(), Broken.me(), asyncio.run(Later.me())
raise SystemExit(3)
"""


def test_whatever_happens_close_runs_once_at_the_end_of_the_process() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == ["later closed", "broken closed", "calm closed"], done.stderr
    assert "OSError: no" in done.stderr
    assert done.returncode == 3
