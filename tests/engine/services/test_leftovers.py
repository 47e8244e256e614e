"""What a test began has to end with it; services are closed, and their starts are nobody's time."""

from __future__ import annotations

import pytest
from tests.engine.services.conftest import MakeProject, bare_pytest

SHOP = """
from enctest import Service, api

class Rates(Service):
    @api
    def rate(self) -> int:
        return 1
"""
FILES = {"pyproject.toml": '[tool.pytest.ini_options]\npythonpath = ["."]\n', "shop.py": SHOP}


def left_behind(project: MakeProject, test: str, *args: str, seconds: str = "0.2") -> str:
    done = bare_pytest(
        project(FILES | {"test_it.py": test}),
        "-o",
        f"enctest_wait_seconds={seconds}",
        "-p",
        "no:randomly",
        *args,
    )
    assert "INTERNALERROR" not in done.stdout
    return done.stdout


WORK = {
    "thread": (
        (
            "go = threading.Event()\n"
            "def test_it():\n"
            "    threading.Thread(target=go.wait, name='left', args=[5]).start()\n"
            "def test_next():\n    go.set()\n"
        ),
        "the thread 'left', started at",
    ),
    "executor": (
        (
            "go = threading.Event()\npool = ThreadPoolExecutor(1)\n"
            "def test_it():\n    pool.submit(go.wait, 5)\n"
            "def test_next():\n    go.set()\n"
        ),
        "Event.wait, handed to an executor at",
    ),
    "task": (
        (
            "loop = asyncio.new_event_loop()\n"
            "async def forever():\n    await asyncio.Event().wait()\n"
            "async def main():\n    asyncio.create_task(forever())\n"
            "def test_it():\n    loop.run_until_complete(main())\n"
            "def test_next():\n    loop.close()\n"
        ),
        "the task forever, created at",
    ),
    "coroutine": (
        (
            "class Later(Service):\n    @api\n    async def now(self) -> int:\n        return 1\n"
            "def test_it():\n    Later.now()\n"
            "def test_next(): ...\n"
        ),
        "the coroutine of Later.now(...), which was never awaited",
    ),
}


@pytest.mark.parametrize("kind", WORK)
def test_what_a_test_leaves_behind_fails_it_by_name(project: MakeProject, kind: str) -> None:
    test, message = WORK[kind]
    head = (
        "import asyncio, threading\nfrom concurrent.futures import ThreadPoolExecutor\n"
        "from enctest import Service, api\nimport shop\n"
    )
    out = left_behind(project, head + test)
    assert "ERROR test_it.py::test_it - Failed: test_it.py::test_it has ended, and left behind" in out
    assert message in out
    assert "2 passed, 1 error" in out


def test_what_ends_in_time_is_waited_for(project: MakeProject) -> None:
    test = """
        import asyncio, threading, time
        import shop
        done = []
        loop = asyncio.new_event_loop()

        def slow():
            time.sleep(0.1)
            done.append("thread")

        async def later():
            await asyncio.sleep(0.1)
            done.append("task")

        async def main():
            asyncio.create_task(later())

        def test_it():
            threading.Thread(target=slow).start()
            loop.run_until_complete(main())

        def test_next():
            loop.close()
            assert sorted(done) == ["task", "thread"]
        """
    assert "2 passed" in left_behind(project, test, seconds="20")


def test_what_a_wider_fixture_begins_goes_on(project: MakeProject) -> None:
    test = """
        import threading
        import pytest, shop

        @pytest.fixture(scope="module")
        def worker():
            go = threading.Event()
            thread = threading.Thread(target=go.wait)
            thread.start()
            yield thread
            go.set()
            thread.join()

        def test_first(worker):
            assert worker.is_alive()

        def test_second(worker):
            assert worker.is_alive()
        """
    assert "2 passed" in left_behind(project, test)


def test_a_service_that_cannot_be_closed_is_told(project: MakeProject) -> None:
    test = """
        from enctest import Service, api, et

        class Broken(Service):
            def close(self):
                raise OSError("stuck")

            @api
            def me(self) -> int:
                return 1

        def test_own():
            et.enable_service_instance_isolation()
            Broken.me()

        def test_shared():
            Broken.me()
        """
    out = left_behind(project, test)
    assert "ERROR test_it.py::test_own - OSError: stuck" in out
    assert "ERROR test_it.py::test_shared - OSError: stuck" in out


def test_the_time_of_a_shared_start_is_not_the_tests(project: MakeProject) -> None:
    test = """
        import time
        from enctest import Service, api

        class Slow(Service):
            def start(self):
                time.sleep(2.5)

            @api
            def me(self) -> int:
                return 1

        def test_it():
            Slow.me()
        """
    sample = project({"test_it.py": test})
    done = bare_pytest(sample, "--durations=0", "--durations-min=2.4")
    assert "1 passed" in done.stdout
    assert "test_it.py::test_it" not in done.stdout


def test_what_an_own_instance_began_ends_with_it(project: MakeProject) -> None:
    test = """
        import threading
        from enctest import Service, api, et

        class Worker(Service):
            def start(self):
                self.go = threading.Event()
                self.thread = threading.Thread(target=self.go.wait)
                self.thread.start()

            def close(self):
                self.go.set()

            @api
            def alive(self) -> bool:
                return self.thread.is_alive()

        def test_it():
            et.enable_service_instance_isolation()
            assert Worker.alive()
        """
    assert "1 passed" in left_behind(project, test, seconds="20")
