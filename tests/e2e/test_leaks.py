"""Connections that tests leave open: named with their place, and closed unless somebody may use them."""

from __future__ import annotations

import pytest
from tests.e2e.conftest import MakeSample

FILES = {
    "pyproject.toml": """
        [tool.pytest.ini_options]
        [tool.enctest.databases.shop]
        migrations = "migrations"
        isolation = "test"
        """,
    "migrations/1_items.up.sql": "CREATE TABLE item (id serial PRIMARY KEY, name text);\n",
    "app.py": """
        import functools
        import os

        import psycopg
        import psycopg_pool

        URL = os.environ["DATABASE_URL"]
        POOL = psycopg_pool.ConnectionPool(URL, min_size=2, open=False)
        OPEN = []

        class Store:
            connection = None

        STORE = Store()

        NAMED = {}

        def named():
            if "one" not in NAMED:
                NAMED["one"] = psycopg.connect(URL)
            return NAMED["one"]

        class Proxy:
            @property
            def __class__(self):
                raise RuntimeError("nobody may look at it now")

        PROXY = Proxy()

        @functools.lru_cache
        def cached():
            return psycopg.connect(URL)

        def stored():
            STORE.connection = STORE.connection or psycopg.connect(URL)
            return STORE.connection

        def leak():
            OPEN.append(psycopg.connect(URL))
        """,
    "test_left.py": """
        import asyncio

        import app
        import asyncpg
        import psycopg
        import psycopg2
        import pytest

        LEFT = []

        @pytest.fixture
        def never_closed():
            return psycopg.connect(app.URL)

        def test_lost(never_closed):
            never_closed.execute("SELECT 1")

        def test_psycopg():
            LEFT.append(psycopg.connect(app.URL))
            LEFT[-1].execute("INSERT INTO item (name) VALUES ('tea')")

        def test_psycopg2():
            LEFT.extend(psycopg2.connect(app.URL) for _ in range(3))

        def test_asyncpg():
            async def leave():
                LEFT.append(await asyncpg.connect(app.URL))
            asyncio.run(leave())

        def test_application():
            for _ in range(6):
                app.leak()
        """,
    "test_kept.py": """
        import functools

        import app
        import psycopg
        import pytest

        KEPT = None

        @pytest.fixture(scope="module")
        def shared():
            with psycopg.connect(app.URL) as connection:
                yield connection

        def test_fixture(shared):
            shared.execute("SELECT 1")

        def test_again(shared):
            shared.execute("SELECT 1")

        @pytest.mark.parametrize("time", range(2))
        def test_caches(time):
            app.cached().execute("SELECT 1")
            app.stored().execute("SELECT 1")

        OWN = {}

        @functools.lru_cache
        def cached_here():
            return psycopg.connect(app.URL)

        @pytest.mark.parametrize("time", range(2))
        def test_variable(time):
            if not OWN:
                OWN["one"] = psycopg.connect(app.URL)
            OWN["one"].execute("SELECT 1")
            cached_here().execute("SELECT 1")
            app.named().execute("SELECT 1")
            global KEPT
            KEPT = KEPT or psycopg.connect(app.URL)
            KEPT.execute("SELECT 1")

        def test_pool():
            app.POOL.open(wait=True)
            with app.POOL.connection() as connection:
                connection.execute("SELECT 1")

        def test_closes():
            psycopg.connect(app.URL).close()

        @pytest.mark.xfail(strict=True)
        def test_fails():
            connection = psycopg.connect(app.URL)
            assert connection.closed
        """,
}


def place(name: str, code: str) -> str:
    """Return where a piece of code is."""
    numbers = (number for number, line in enumerate(FILES[name].split("\n"), 1) if code in line)
    return f"{name}:{next(numbers)}"


PLACES = {
    "test_lost": f"opened at {place('test_left.py', 'return psycopg.connect')}, left open, and closed now",
    "test_psycopg": f"opened at {place('test_left.py', 'LEFT.append(psycopg')}, left open",
    "test_psycopg2": f"opened at {place('test_left.py', 'psycopg2.connect')} (and 2 more from there), "
    "left open",
    "test_asyncpg": f"opened at {place('test_left.py', 'asyncpg.connect')}, left open",
    "test_application": f"opened at {place('app.py', 'OPEN.append')} (and 5 more from there), left open",
}


@pytest.mark.parametrize("workers", [(), ("-n", "2")])
@pytest.mark.parametrize("filters", [(), ("-W", "error::UserWarning")])
def test_named_and_if_lost_closed(
    sample: MakeSample, workers: tuple[str, ...], filters: tuple[str, ...]
) -> None:
    project = sample(FILES)
    done = project.enctest(*workers, *filters)
    assert done.returncode == 0, done.stdout + done.stderr
    told = [line for line in done.stdout.splitlines() if "ConnectionLeftOpenWarning" in line]
    assert len(told) == len(PLACES), done.stdout
    for place in PLACES.values():
        assert sum(line.endswith(place) for line in told) == 1, told
    (psycopg,) = (line for line in told if line.endswith(PLACES["test_psycopg"]))
    assert (
        "of psycopg to shop (idle in transaction after \"INSERT INTO item (name) VALUES ('tea')\")" in psycopg
    )


USED = {
    "conftest.py": """
        import psycopg
        import pytest

        class Client:
            def __init__(self):
                self.connections = []

            def connect(self, url):
                self.connections.append(psycopg.connect(url))
                return self.connections[-1]

        @pytest.fixture(scope="session")
        def client():
            return Client()
        """,
    "test_used.py": """
        import contextvars
        import queue
        import threading

        import app
        import psycopg
        import pytest

        IN_LIST, IN_CONTEXT, IN_THREAD = [], contextvars.ContextVar("one"), threading.local()
        ASKED, ANSWERS = queue.Queue(), queue.Queue()

        def kept_in_closure():
            connections = []
            def one():
                connections[:] = connections or [psycopg.connect(app.URL)]
                return connections[0]
            return one

        IN_CLOSURE = kept_in_closure()

        def serve():
            connection = psycopg.connect(app.URL)
            while ASKED.get():
                try:
                    ANSWERS.put(connection.execute("SELECT 1").fetchone())
                except psycopg.Error as error:
                    ANSWERS.put(error)

        THREAD = threading.Thread(target=serve, daemon=True)

        def test_open(client):
            client.connect(app.URL)
            IN_LIST.append(psycopg.connect(app.URL))
            IN_CONTEXT.set((psycopg.connect(app.URL),))
            IN_THREAD.set = {psycopg.connect(app.URL)}
            IN_CLOSURE()
            THREAD.start()
            ASKED.put(1)
            assert ANSWERS.get() == (1,)

        def test_use(client):
            (in_thread,) = IN_THREAD.set
            for one in (client.connections[0], IN_LIST[0], IN_CONTEXT.get()[0], in_thread, IN_CLOSURE()):
                assert one.execute("SELECT 1").fetchone() == (1,)
            ASKED.put(1)
            assert ANSWERS.get() == (1,)
        """,
}


@pytest.mark.parametrize("isolation", ["shared", "test"])
def test_what_a_later_test_may_use_stays_open(sample: MakeSample, isolation: str) -> None:
    project = sample(FILES | USED)
    project.replace("pyproject.toml", 'isolation = "test"', f'isolation = "{isolation}"')
    done = project.enctest("-p", "no:randomly", "test_used.py")
    assert done.returncode == 0, done.stdout + done.stderr
    told = [line for line in done.stdout.splitlines() if "ConnectionLeftOpenWarning" in line]
    assert len(told) == 6, done.stdout
    assert not [line for line in told if "closed now" in line]


def test_what_nothing_leads_to_is_closed(sample: MakeSample) -> None:
    project = sample(FILES)
    project.write(
        "test_now.py",
        """
        import app
        import psycopg
        import pytest

        PIDS = []

        @pytest.fixture
        def never_closed():
            return psycopg.connect(app.URL)

        def test_1(never_closed, request):
            PIDS.append(never_closed.info.backend_pid)
            request.node.kept = never_closed  # longer than its fixture

        @pytest.mark.database(isolation="shared")
        def test_2(request):
            with pytest.raises(psycopg.OperationalError):
                request.session.items[0].kept.execute("SELECT 1")
            with psycopg.connect(app.URL) as connection:
                sql = "SELECT count(*) FROM pg_stat_activity WHERE pid = %s"
                assert connection.execute(sql, PIDS).fetchone() == (0,)
        """,
    )
    done = project.enctest("-p", "no:randomly", "test_now.py")
    assert done.returncode == 0, done.stdout + done.stderr


def test_in_the_explorer(sample: MakeSample) -> None:
    project = sample(FILES)
    with project.watch() as watch:
        assert set(watch.outcomes().values()) <= {"passed", "xfailed"}
        nodeid = "test_left.py::test_psycopg2"
        (finished,) = (each for each in watch.new("test_finished") if each["test"] == nodeid)
        (section,) = (each for each in finished["sections"] if "connections" in each["title"])
        assert section["text"].endswith(PLACES["test_psycopg2"])
        told = project.enctest("trace", nodeid).stdout
        assert "WARNING enctest.databases: connection " in told
        assert "of psycopg2 to shop" in told
