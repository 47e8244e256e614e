"""Scopes, markers and fixtures in sessions of their own, however they are run."""

from __future__ import annotations

import subprocess

import pytest
from tests.engine.services.conftest import MakeProject, bare_pytest

SHOP = """
from enctest import Cache, Config, Service, Topic, api

placed = Topic[str]("placed")
limit = Config("LIMIT", 3)
cache = Cache[int]("cache")
log: list[str] = []

class Rates(Service):
    def start(self):
        self.calls = 0
        log.append("start")

    def close(self):
        log.append("close")

    @api
    def rate(self) -> int:
        return 1

    @api
    def count(self) -> int:
        self.calls += 1
        return self.calls

class Orders(Service):
    @api
    def price(self) -> int:
        return 10 * Rates.rate()
"""
CONFTEST = """
import pytest
from enctest import et
from shop import Rates, limit

@pytest.fixture(scope="session", autouse=True)
def for_the_session():
    et.mock_endpoint(Rates.rate, lambda: 2)
    et.set_config(limit, 20)
"""
MODULE = """
import pytest
from enctest import et
from shop import Orders, Rates, limit

@pytest.fixture(scope="module", autouse=True)
def for_the_module(mock_endpoint):
    mock_endpoint(Rates.rate, lambda: 3)

@pytest.fixture(scope="class")
def for_the_class():
    et.mock_endpoint(Rates.rate, lambda: 4)

@pytest.mark.usefixtures("for_the_class")
class TestNear:
    def test_class(self):
        assert Orders.price() == 40

    def test_nearest(self):
        et.mock_endpoint(Rates.rate, lambda: 5)
        assert Orders.price() == 50

    def test_removed(self):
        et.mock_endpoint(Rates.rate, None)
        assert Orders.price() == 10

    @pytest.mark.mock_endpoint(Rates.rate, lambda: 6)
    @pytest.mark.set_config(limit, 21)
    def test_marker(self):
        assert (Orders.price(), limit()) == (60, 21)

    @pytest.fixture
    def seven(self):
        et.mock_endpoint(Rates.rate, lambda: 7)

    def test_fixture(self, seven):
        assert Orders.price() == 70

@pytest.mark.mock_endpoint(Rates.rate, lambda: 8)
class TestMarked:
    def test_marked_class(self):
        assert Orders.price() == 80

def test_module():
    assert (Orders.price(), limit()) == (30, 20)
"""
OTHER = """
from shop import Orders, limit

def test_session():
    assert (Orders.price(), limit()) == (20, 20)
"""
PACKAGE = """
import pytest
from enctest import et
from shop import Rates

@pytest.fixture(scope="package", autouse=True)
def for_the_package():
    et.mock_endpoint(Rates.rate, lambda: 9)
"""
IN_PACKAGE = """
from shop import Orders

def test_package():
    assert Orders.price() == 90
"""
ISOLATED = """
import pytest
from enctest import et
from shop import Rates, log

@pytest.fixture(scope="module", autouse=True)
def own():
    et.enable_service_instance_isolation()

def test_one():
    assert (Rates.count(), Rates.count()) == (1, 2)

def test_two():
    assert (Rates.count(), Rates.count()) == (1, 2)

def test_shared():
    et.enable_service_instance_isolation(False)
    before = len(log)
    Rates.count()
    assert log[before:] in ([], ["start"])

def test_closed():
    before = log.count("close")
    assert log.count("start") - before <= 1
"""
ALONE = """
import asyncio
import threading
from shop import cache, placed

def test_first(published_messages):
    cache.set("a", 1)
    assert placed.publish("x") == "test_alone.py::test_first/placed/1"
    assert published_messages(placed) == ["x"]

def test_second(published_messages, advance_time):
    assert cache.get("a") is None
    threads = [threading.Thread(target=placed.publish, args=[str(n)]) for n in range(3)]
    for thread in threads:
        thread.start()
        thread.join()
    asyncio.run(asyncio.to_thread(placed.publish, "task"))
    assert published_messages(placed) == ["0", "1", "2", "task"]
    assert published_messages(placed).ids[-1] == "test_alone.py::test_second/placed/4"
    cache.set("a", 2, ttl=60)
    advance_time(59)
    assert cache.get("a") == 2
    advance_time(1)
    assert cache.get("a") is None
"""
FILES = {
    "pyproject.toml": '[tool.pytest.ini_options]\npythonpath = ["."]\naddopts = ["--strict-markers"]\n',
    "shop.py": SHOP,
    "conftest.py": CONFTEST,
    "test_module.py": MODULE,
    "test_other.py": OTHER,
    "package/__init__.py": "",
    "package/conftest.py": PACKAGE,
    "package/test_package.py": IN_PACKAGE,
    "test_isolated.py": ISOLATED,
    "test_alone.py": ALONE,
}
TESTS = 15


def expect(done: subprocess.CompletedProcess[str]) -> None:
    assert f"{TESTS} passed" in done.stdout, done.stdout + done.stderr
    assert done.returncode == 0


@pytest.mark.parametrize(
    "args",
    [("-p", "no:randomly"), ("-p", "randomly"), ("-n", "2"), ("-p", "no:randomly", "-W", "error")],
    ids=str,
)
def test_the_nearest_scope_wins_under_bare_pytest(project: MakeProject, args: tuple[str, ...]) -> None:
    expect(bare_pytest(project(FILES), *args))


@pytest.mark.parametrize("args", [("-q",), ("-q", "-n", "2"), ("-q", "--isolate")], ids=str)
def test_and_under_enctest(project: MakeProject, args: tuple[str, ...]) -> None:
    expect(project(FILES).enctest(*args))


def test_and_in_the_explorer_after_a_save(project: MakeProject) -> None:
    sample = project(FILES)
    with sample.watch() as watch:
        found = watch.outcomes()
        assert len(found) == TESTS, found
        assert set(found.values()) == {"passed"}, found
        again = watch.edit("shop.py", "return 10 * Rates.rate()", "return 10 * Rates.rate() + 0")
        called = {test for test in found if not test.startswith(("test_isolated", "test_alone"))}
        assert called <= set(again), again  # an audit may add others
        assert set(again.values()) == {"passed"}, again


def test_a_shared_start_is_needed_by_all_who_use_the_service(project: MakeProject) -> None:
    sample = project(
        {
            "pyproject.toml": '[tool.pytest.ini_options]\npythonpath = ["."]\n',
            "shop.py": """
                from enctest import Service, api
                from tables import load

                class Rates(Service):
                    def start(self):
                        self.rate_now = load()

                    @api
                    def rate(self) -> int:
                        return self.rate_now
                """,
            "tables.py": "def load():\n    return 1\n",
            "test_shop.py": """
                from shop import Rates

                def test_first():
                    assert Rates.rate() == 1

                def test_second():
                    assert Rates.rate() == 1
                """,
        }
    )
    with sample.watch("-p", "no:randomly") as watch:
        found = watch.edit("tables.py", "return 1", "return 2")
        assert found == {"test_shop.py::test_first": "failed", "test_shop.py::test_second": "failed"}


def test_a_test_that_imports_services_late_has_its_scope(project: MakeProject) -> None:
    late = """
        def test_late():
            from shop import placed
            from enctest import et
            placed.publish("x")
            assert et.published_messages(placed) == ["x"]

        def test_later():
            from shop import placed
            from enctest import et
            assert et.published_messages(placed) == []
        """
    done = bare_pytest(
        project({key: FILES[key] for key in ("pyproject.toml", "shop.py")} | {"test_it.py": late})
    )
    assert "2 passed" in done.stdout, done.stdout


def test_nothing_is_imported_for_projects_without_services(project: MakeProject) -> None:
    test = """
        import sys

        def test_it():
            found = [name for name in sys.modules if name.startswith("enctest")]
            assert sorted(found) == ["enctest", "enctest.fixtures", "enctest.plugin"]
            assert "msgspec" not in sys.modules
            assert "pydantic" not in sys.modules
        """
    done = bare_pytest(project({"test_it.py": test}), "-p", "no:randomly", "-p", "no:anyio")
    assert "1 passed" in done.stdout, done.stdout


@pytest.mark.parametrize(
    ("test", "message"),
    [
        (
            "et.mock_endpoint(Rates.rate, lambda: 1)\ndef test_it(): ...",
            "mock_endpoint was called outside of a test",
        ),
        (
            (
                "import pytest\n@pytest.fixture(scope='module')\ndef wide():\n"
                "    et.published_messages(placed)\ndef test_it(wide): ..."
            ),
            "published_messages was called in a fixture of module scope, and is about one test",
        ),
        ("def test_it():\n    et.published_messages('placed')", "takes a topic, and str 'placed' is none"),
        ("def test_it():\n    et.set_config(limit(), 4)", "set_config takes a setting, and int 3 is none"),
        ("def test_it():\n    et.set_config(limit, '4')", "'4' is no value for the setting LIMIT"),
        ("def test_it():\n    et.advance_time(-1)", "a number of at least 0, not -1"),
        (
            "import pytest\n@pytest.mark.mock_endpoint(Rates.rate, lambda x: 1)\ndef test_it(): ...",
            "The double of Rates.rate cannot be called as it is",
        ),
    ],
    ids=range(7),
)
def test_misuse_says_what_is_wrong(project: MakeProject, test: str, message: str) -> None:
    files = {key: FILES[key] for key in ("pyproject.toml", "shop.py")}
    head = "from enctest import et\nfrom shop import Rates, limit, placed\n"
    done = bare_pytest(project(files | {"test_it.py": head + test}))
    assert message in done.stdout
    assert done.returncode != 0
    assert "INTERNALERROR" not in done.stdout
