"""SQLite, Valkey and S3 are there as PostgreSQL is: fresh for every run and worker, and gone afterwards."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from tests.e2e.conftest import MakeSample
from tests.harness import Sample, Watch, explorers_of, processes_of, wait_until

PYPROJECT = """
[tool.pytest.ini_options]
[tool.enctest.databases.shop]
engine = "sqlite"
migrations = "migrations"
env = {SHOP_FILE = "{path}", DATABASE_URL = "{url}"}
[tool.enctest.databases.cache]
engine = "valkey"
[tool.enctest.databases.uploads]
engine = "s3"
"""
TESTS = """
    import os
    import sqlite3
    import boto3
    import pytest
    import redis

    FILE = os.environ["SHOP_FILE"]

    @pytest.mark.parametrize("number", range(2))
    def test_sqlite(number):
        assert os.environ["DATABASE_URL"] == "sqlite:///" + FILE
        with sqlite3.connect(FILE) as connection:
            connection.execute("INSERT INTO item (name) VALUES (?)", ["tea"])
            print("sqlite", os.path.dirname(FILE))
            assert connection.execute("SELECT count(*) FROM item WHERE name = 'tea'").fetchone()[0] <= 2

    def test_valkey():
        with redis.from_url(os.environ["REDIS_URL"]) as client:
            assert client.incr("runs") == 1
        print("valkey", os.path.dirname(os.environ["REDIS_URL"].removeprefix("unix://")))

    def test_s3():
        storage = boto3.client("s3")
        assert "Contents" not in storage.list_objects_v2(Bucket="uploads")
        storage.put_object(Bucket="uploads", Key="a", Body=b"x")
    """
FILES = {
    "pyproject.toml": PYPROJECT,
    "migrations/1_items.up.sql": "CREATE TABLE item (id integer PRIMARY KEY, name text NOT NULL);\n",
    "test_engines.py": TESTS,
}


def _folders(watch: Watch) -> dict[str, Path]:
    """Return the folders that tests printed, by engine."""
    told: dict[str, Path] = {}
    for event in watch.events():
        if event["type"] == "test_finished":
            for section in event["sections"]:
                engine, _, folder = section["text"].strip().partition(" ")
                told[engine] = Path(folder)
    return told


def test_each_run_and_worker_has_fresh_ones(sample: MakeSample) -> None:
    project = sample(FILES)
    with project.watch("-n", "2") as watch:
        assert set(watch.outcomes().values()) == {"passed"}, watch.text()
        for number in range(3):
            ran = watch.edit("test_engines.py", f'b"{"x" * (number + 1)}"', f'b"{"x" * (number + 2)}"')
            assert ran == {"test_engines.py::test_s3": "passed"}
        ran = watch.edit("test_engines.py", "import os\n", "import os\nX = 1\n")
        assert len(ran) == 4
        assert set(ran.values()) == {"passed"}
        folders = _folders(watch)
        assert set(folders) == {"sqlite", "valkey"}
        assert all(processes_of(folder) for folder in folders.values())
    for folder in folders.values():
        wait_until("the servers are gone", lambda folder=folder: not processes_of(folder))  # type: ignore[misc]
        assert not folder.exists()


def test_a_migration_of_sqlite_reruns_the_tests_that_query(sample: MakeSample) -> None:
    project = sample(FILES)
    with project.watch() as watch:
        watch.mark()
        project.write("migrations/2_price.up.sql", "ALTER TABLE itm ADD price int;\n")
        watch.idle()
        (error,) = watch.new("error")
        assert "2_price.up.sql, line 1: no such table: itm" in error["message"]
        ran = watch.edit("migrations/2_price.up.sql", "itm", "item")
        assert ran == {f"test_engines.py::test_sqlite[{n}]": "passed" for n in range(2)}


def test_a_plain_run_has_them_and_leaves_nothing(sample: MakeSample) -> None:
    project = sample(FILES)
    done = project.enctest("-n", "2", "-s")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 passed" in done.stdout
    assert (
        "one process runs the tests: test_engines asks for SHOP_FILE before there are workers" in done.stdout
    )
    folders = [Path(line.split()[-1]) for line in done.stdout.splitlines() if "/enctest-" in line]
    assert folders
    assert not [folder for folder in folders if folder.exists() or processes_of(folder)]


def test_a_killed_explorer_leaves_nothing(sample: MakeSample) -> None:
    project = sample(FILES)
    with project.watch() as watch:
        folders = _folders(watch)
        (explorer,) = explorers_of(project.root)
        os.kill(explorer, signal.SIGKILL)
        for folder in folders.values():
            wait_until("its servers are gone", lambda folder=folder: not folder.exists())  # type: ignore[misc]
            wait_until("and so are their supervisors", lambda folder=folder: not processes_of(folder))  # type: ignore[misc]


OWN = """
    from pathlib import Path
    import sys
    from enctest.databases.private_server import PrivateServer
    from enctest.databases.server_per_copy import ServerPerCopy

    SERVER = "import sys, time; open(sys.argv[1] + '/jobs', 'w').close(); time.sleep(3600)"

    class Queue(ServerPerCopy):
        default_env = "QUEUE"
        fields = ("url", "name")
        reset = "testing.own_queue:forget"

        def look(self, database):
            return "a queue of our own"

        def start(self, database):
            server = PrivateServer.start(
                self.root,
                f"queue {database}",
                lambda folder: [sys.executable, "-c", SERVER, str(folder)],
                lambda folder: (folder / "jobs").exists(),
            )
            return server, {"url": str(server.folder / "jobs")}

        def empty(self, database, server, copy):
            forget(copy.values)

    def forget(values):
        Path(values["url"]).write_text("")
    """
QUEUED = """
    import os
    import pytest

    def jobs():
        with open(os.environ["QUEUE"], "a+") as stream:
            stream.write("job ")
            stream.seek(0)
            return stream.read()

    @pytest.mark.parametrize("number", range(3))
    def test_alone(number):
        assert jobs() == "job "
    """


def test_a_provider_in_the_project_with_fresh_ones_for_each_test(sample: MakeSample) -> None:
    project = sample(
        {
            "pyproject.toml": """
                [tool.enctest.databases.jobs]
                engine = "testing.own_queue:Queue"
                isolation = "test"
                """,
            "testing/own_queue.py": OWN,
            "tests/test_queue.py": QUEUED,
        }
    )
    done = project.enctest("--import-mode=importlib", "-n", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    with project.watch("--import-mode=importlib") as watch:
        ran = watch.edit("tests/test_queue.py", '== "job "', '== "job ", number')
        assert set(ran.values()) == {"passed"}


KILLS = """
    import os
    import signal
    from pathlib import Path
    import redis

    KILL = True

    def test_killer():
        with redis.from_url(os.environ["REDIS_URL"]) as client:
            assert client.incr("n") == 1
            if KILL:
                folder = Path(os.environ["REDIS_URL"].removeprefix("unix://")).parent
                os.kill(int((folder / "server.pid").read_text()), signal.SIGKILL)
            assert client.incr("n") == 2
    """


def test_a_server_that_is_killed_in_a_test_is_there_for_the_next_run(sample: MakeSample) -> None:
    project = sample(FILES | {"test_engines.py": KILLS})
    with project.watch() as watch:
        assert watch.outcomes() == {"test_engines.py::test_killer": "failed"}
        ran = watch.edit("test_engines.py", "KILL = True", "KILL = False")
        assert ran == {"test_engines.py::test_killer": "passed"}


def test_an_explorer_and_a_plain_run_at_once_share_nothing(sample: MakeSample) -> None:
    project = sample(FILES)
    with project.watch() as watch:
        done = project.enctest("-s")
        assert "4 passed" in done.stdout
        theirs = {Path(line.split()[-1]) for line in done.stdout.splitlines() if "/enctest-" in line}
        ours = _folders(watch)
        assert theirs
        assert not theirs & {*ours.values()}
        assert all(processes_of(folder) for folder in ours.values())
        ran = watch.edit("test_engines.py", 'incr("runs") == 1', 'incr("runs", 2) == 2')
        assert ran == {"test_engines.py::test_valkey": "passed"}


def test_the_doctor_knows_them(sample: MakeSample) -> None:
    project = sample(FILES)
    done = project.enctest("doctor")
    assert done.returncode == 0, done.stdout
    assert "shop: SQLite" in done.stdout
    assert "cache: Valkey" in done.stdout
    assert "uploads: moto" in done.stdout
    project.write("pyproject.toml", '[tool.enctest.databases.x]\nengine = "nosql"\n')
    done = project.enctest("doctor")
    assert done.returncode == 1
    assert "no engine of databases is called 'nosql'" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


PARALLEL = """
    import os
    import time
    from pathlib import Path
    import pytest
    import redis

    PATIENCE = 60

    @pytest.mark.parametrize("number", range(12))
    def test_each(number):
        with redis.from_url(os.environ["REDIS_URL"]) as client:
            assert client.sadd("processes", os.getpid()) + client.scard("processes") <= 2
        Path("../seen", str(os.getpid())).write_text(os.environ["SHOP_FILE"] + " " + os.environ["REDIS_URL"])
        deadline = time.monotonic() + PATIENCE
        while len(os.listdir("../seen")) < 2 and time.monotonic() < deadline:
            time.sleep(0.01)
    """


def _seen(project: Sample) -> set[str]:
    """Return the places that the tests wrote down."""
    files = (project.root.parent / "seen").iterdir()
    return {place for file in files for place in file.read_text(encoding="utf-8").split()}


def test_workers_of_the_explorer_have_their_own(sample: MakeSample) -> None:
    project = sample(FILES | {"test_engines.py": PARALLEL.replace("PATIENCE = 60", "PATIENCE = 0.1")})
    (project.root.parent / "seen").mkdir()
    with project.watch("-n", "2") as watch:  # which is one process's: nobody knows yet how long tests take
        for file in (project.root.parent / "seen").iterdir():
            file.unlink()
        ran = watch.edit("test_engines.py", "PATIENCE = 0.1", "PATIENCE = 60")
        assert set(ran.values()) == {"passed"}
        assert len(_seen(project)) == 4


@pytest.mark.parametrize("ours", [True, False], ids=["copies of the session", "pytest-xdist"])
def test_workers_of_a_plain_run_have_their_own(sample: MakeSample, ours: bool) -> None:
    project = sample(FILES | {"test_engines.py": PARALLEL})
    (project.root.parent / "seen").mkdir()
    done = project.enctest("-n", "2", *([] if ours else ["--dist", "load"]))
    assert done.returncode == 0, done.stdout + done.stderr
    assert ("2 workers" in done.stdout) == ours or "2/2 workers" in done.stdout
    seen = _seen(project)
    assert len(seen) == 4
    for place in seen:
        folder = Path(place.removeprefix("unix://")).parent
        wait_until("nothing is left", lambda folder=folder: not folder.exists() and not processes_of(folder))  # type: ignore[misc]
