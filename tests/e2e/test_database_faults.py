"""Whatever dies in the middle of a test: it says so, the next test has a database, and nothing is left."""

from __future__ import annotations

import os
import re
import signal
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.e2e.conftest import MakeSample
from tests.e2e.terminal import Terminal
from tests.e2e.test_screen import opened
from tests.harness import Sample, explorers_of, processes_of, wait_until

ENCTEST = [sys.executable, "-P", "-c", "import sys, enctest.cli; sys.exit(enctest.cli.main())"]
FILES = {
    "pyproject.toml": """
        [tool.pytest.ini_options]
        [tool.enctest.databases.shop]
        migrations = "migrations"
        """,
    "migrations/1_items.up.sql": "CREATE TABLE item (id serial PRIMARY KEY, name text);\n",
    "app.py": """
        import os
        import pathlib
        import signal
        import time

        import psycopg

        def connect(**options):
            return psycopg.connect(os.environ["DATABASE_URL"], autocommit=True, **options)

        def count():
            with connect() as connection:
                return connection.execute("SELECT count(*) FROM item").fetchone()[0]

        def folder():
            return pathlib.Path(psycopg.conninfo.conninfo_to_dict(os.environ["DATABASE_URL"])["host"]).parent

        def server(_=None):
            return int((folder() / "data" / "postmaster.pid").read_text().split()[0])

        def backend(connection):
            return connection.info.backend_pid

        def supervisor(_=None):
            return int(pathlib.Path(f"/proc/{server()}/stat").read_text().rpartition(")")[2].split()[1])

        NOTES = pathlib.Path(os.environ["XDG_RUNTIME_DIR"])

        def wait_for_ever():
            if (NOTES / "waits").exists():
                return  # who is killed once is asked again
            (NOTES / "waits").write_text(str(os.getpid()))
            with connect() as connection:
                connection.execute("SELECT pg_sleep(1000)")
        """,
    "conftest.py": """
        import app

        def pytest_collection_finish():
            if not (app.NOTES / "cluster").exists():
                lines = (app.folder() / "data" / "postmaster.pid").read_text().splitlines()
                (app.NOTES / "cluster").write_text(f"{app.folder()} {' '.join(lines[6].split())}")
        """,
}
DIES = """
    import os
    import signal

    import app

    def test_1_works():
        assert app.count() == 0

    def test_2_meets_it():
        with app.connect() as connection:
            connection.execute("INSERT INTO item (name) VALUES ('tea')")
            os.kill(app.{what}(connection), signal.SIGKILL)
            connection.execute("SELECT pg_sleep(100)")

    def test_3_has_a_database():
        assert app.count() == 0

    def test_4_works():
        with app.connect() as connection:
            connection.execute("INSERT INTO item (name) VALUES ('tea')")
        assert app.count() == 1
    """
SAYS = "The PostgreSQL server of shop died while this test ran; the next test has another."


class Cluster(NamedTuple):
    """Where a project's server is or was, and its shared memory, as the system lists it."""

    folder: Path
    segment: list[str]


def cluster(project: Sample) -> Cluster:
    folder, *segment = (project.runtime / "cluster").read_text(encoding="utf-8").split()
    return Cluster(Path(folder), segment)


def nothing_is_left(project: Sample) -> None:
    """See that processes, folder, socket and shared memory of the server are gone, and our processes too."""
    left = cluster(project)
    assert left.folder.name.startswith("enctest-")
    wait_until(
        "the processes are gone", lambda: not processes_of(left.folder) + processes_of(project.runtime)
    )
    wait_until("the folder is gone", lambda: not left.folder.exists())
    assert not list(left.folder.parent.glob(f"{left.folder.name}*"))
    segments = [line.split()[:2] for line in Path("/proc/sysvipc/shm").read_text().splitlines()]
    assert left.segment not in segments


def isolated(project: Sample, isolation: str) -> Sample:
    project.replace("pyproject.toml", '"migrations"', f'"migrations"\nisolation = "{isolation}"')
    return project


@pytest.mark.parametrize(
    ("what", "isolation"),
    [(what, isolation) for what in ("server", "supervisor") for isolation in ("shared", "test")]
    + [("backend", "test")],
)
def test_the_server_dies_in_a_test(sample: MakeSample, what: str, isolation: str) -> None:
    project = isolated(sample(FILES | {"test_dies.py": DIES.replace("{what}", what)}), isolation)
    done = project.enctest("-p", "no:randomly")
    assert "1 failed, 3 passed" in done.stdout, done.stdout + done.stderr
    assert SAYS in done.stdout or what == "backend"  # the server recovers, at times before anybody looks
    nothing_is_left(project)


def test_the_server_dies_under_several_workers(sample: MakeSample) -> None:
    project = sample(
        FILES
        | {
            "test_dies.py": DIES.replace("{what}", "server"),
            "test_other.py": "import app\ndef test_other(): app.count()\n",
        }
    )
    # A file for each worker: what follows in the file has a server; what the other does may meet it too.
    done = isolated(project, "test").enctest("-n", "2", "--dist", "loadfile", "-p", "no:randomly")
    failed = set(re.findall(r"^FAILED \S+::(\w+)", done.stdout, re.MULTILINE))
    assert failed - {"test_other"} == {"test_2_meets_it"}, done.stdout + done.stderr
    assert done.stdout.count(SAYS) == len(failed)
    nothing_is_left(project)


def test_the_server_dies_in_the_explorer(sample: MakeSample) -> None:
    project = sample(FILES | {"test_dies.py": DIES.replace("{what}", "server")})
    with isolated(project, "test").watch("-p", "no:randomly") as watch:
        ends = {
            each["test"].partition("::")[2]: each
            for each in watch.events()
            if each["type"] == "test_finished"
        }
        assert ends["test_2_meets_it"]["outcome"] == "failed"
        assert SAYS in ends["test_2_meets_it"]["failure"]
        assert {ends[name]["outcome"] for name in ends if name != "test_2_meets_it"} == {"passed"}
        assert watch.edit("test_dies.py", 'connection.execute("SELECT pg_sleep(100)")', "pass")
    nothing_is_left(project)


def waits(project: Sample) -> int:
    """Return the process of the test that waits for the server."""
    path = project.runtime / "waits"
    return int(wait_until("the test waits", lambda: path.exists() and path.read_text(encoding="utf-8")))


def test_a_worker_is_killed_in_a_test(sample: MakeSample) -> None:
    project = sample(
        FILES
        | {
            "test_waits.py": "import app\ndef test_waits(): pass\n",
            "test_other.py": "import app\ndef test_other(): assert app.count() == 0\n",
        }
    )
    with project.watch() as watch:
        watch.mark()
        project.replace("test_waits.py", "pass", "app.wait_for_ever()")
        os.kill(waits(project), signal.SIGKILL)
        ended = watch.wait_for("test_finished", test="test_waits.py::test_waits")
        assert ended["outcome"] == "crashed"
        assert "SIGKILL" in ended["message"]
        watch.idle()
        ran = watch.edit("test_other.py", "== 0", "== 0 + 0")
        assert ran["test_other.py::test_other"] == "passed"
        project.replace("test_waits.py", "app.wait_for_ever()", "assert app.count() == 0")
        watch.wait_for("test_finished", test="test_waits.py::test_waits", outcome="passed")
    nothing_is_left(project)


@pytest.mark.parametrize("what", ["enctest.explorer", "the app"])
def test_the_explorer_or_its_front_end_is_killed_in_a_test(sample: MakeSample, what: str) -> None:
    project = sample(FILES | {"test_waits.py": "import app\ndef test_waits(): app.wait_for_ever()\n"})
    with opened(project) as terminal:
        waits(project)
        pid = terminal.pid if what == "the app" else explorers_of(project.runtime)[0]
        os.kill(pid, signal.SIGKILL)
        nothing_is_left(project)


def test_a_plain_run_is_killed_in_a_test(sample: MakeSample) -> None:
    project = sample(FILES | {"test_waits.py": "import app\ndef test_waits(): app.wait_for_ever()\n"})
    terminal = Terminal(ENCTEST, cwd=project.root, env=project.env)
    try:
        os.kill(waits(project), signal.SIGKILL)
        assert terminal.ended() == -signal.SIGKILL
        nothing_is_left(project)
    finally:
        terminal.close()
