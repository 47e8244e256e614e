"""Scopes under coroutines of anyio, cases of unittest, xunit functions, forks."""

from __future__ import annotations

import pytest
from tests.engine.services.conftest import MakeProject, bare_pytest

SHOP = """
from enctest import Service, Topic, api

placed = Topic[str]("placed")

class Rates(Service):
    @api
    async def later(self) -> int:
        return 1

    @api
    def now(self) -> int:
        return 1
"""
ANYIO = """
import asyncio
import pytest
from enctest import et
from shop import Rates, placed

pytestmark = pytest.mark.anyio

@pytest.fixture(scope="module")
def anyio_backend():
    return "asyncio"

@pytest.fixture(scope="module", autouse=True)
async def wide():
    et.mock_endpoint(Rates.later, lambda: 2)
    yield
    assert await Rates.later() == 2

@pytest.fixture
async def near():
    et.mock_endpoint(Rates.later, lambda: 3)
    placed.publish("from the fixture")
    yield
    assert await Rates.later() == 3

async def test_wide():
    assert await Rates.later() == 2

async def test_near(near):
    assert await Rates.later() == 3
    assert et.published_messages(placed) == ["from the fixture"]

async def test_own():
    et.mock_endpoint(Rates.later, lambda: 5)
    assert await asyncio.gather(Rates.later(), asyncio.create_task(Rates.later())) == [5, 5]

async def test_thread():
    assert await asyncio.to_thread(Rates.now) == 1
    placed.publish("x")
    assert et.published_messages(placed) == ["x"]
    assert await Rates.later() == 2
"""
UNITTEST = """
import unittest
from enctest import et
from shop import Rates

class TestCase(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        et.mock_endpoint(Rates.now, lambda: 2)

    def setUp(self):
        self.seen = Rates.now()

    def test_class(self):
        self.assertEqual((self.seen, Rates.now()), (2, 2))

    def test_own(self):
        et.mock_endpoint(Rates.now, lambda: 3)
        self.assertEqual((self.seen, Rates.now()), (2, 3))

class TestAsynchronous(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        et.mock_endpoint(Rates.later, lambda: 4)

    async def test_own(self):
        self.assertEqual(await Rates.later(), 4)

    async def test_published(self):
        self.assertEqual(await Rates.later(), 4)
"""
XUNIT = """
import multiprocessing
from enctest import et
from shop import Rates

def setup_module():
    et.mock_endpoint(Rates.now, lambda: 9)

def test_module():
    assert Rates.now() == 9

class TestMethods:
    def setup_method(self):
        et.mock_endpoint(Rates.now, lambda: 8)

    def test_method(self):
        assert Rates.now() == 8

def child(queue):
    queue.put(Rates.now())

def test_a_fork_is_in_the_test():
    et.mock_endpoint(Rates.now, lambda: 7)
    context = multiprocessing.get_context("fork")
    queue = context.SimpleQueue()
    process = context.Process(target=child, args=[queue])
    process.start()
    assert queue.get() == 7
    process.join()
"""
FILES = {
    "pyproject.toml": '[tool.pytest.ini_options]\npythonpath = ["."]\n',
    "shop.py": SHOP,
    "test_anyio.py": ANYIO,
    "test_unittest.py": UNITTEST,
    "test_xunit.py": XUNIT,
}


@pytest.mark.parametrize("run", ["pytest", "enctest"])
def test_scopes_are_those_of_the_test_that_runs(project: MakeProject, run: str) -> None:
    sample = project(FILES)
    done = bare_pytest(sample) if run == "pytest" else sample.enctest("-q", "-n", "2")
    assert "11 passed" in done.stdout, done.stdout + done.stderr
