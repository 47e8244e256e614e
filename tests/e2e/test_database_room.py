"""Little memory, a full disk, a home that cannot be written to, and several at once on one project."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

import pytest
from tests.e2e.conftest import MakeSample
from tests.e2e.test_database_faults import FILES, SAYS, cluster, isolated, nothing_is_left
from tests.e2e.test_together import second
from tests.harness import PATIENCE, Sample

from enctest.databases.folders import MEMORY

COMMAND = [sys.executable, "-P", "-c", "import sys, enctest.cli; sys.exit(enctest.cli.main())"]
ADDS = """
    import app
    import pytest

    @pytest.mark.parametrize("number", range(6))
    def test_adds(number):
        with app.connect() as connection:
            connection.execute("INSERT INTO item (name) VALUES ('tea')")
        assert app.count() == 1
    """


def with_memory(project: Sample, size: str, *args: str) -> subprocess.CompletedProcess[str]:
    """Run `enctest` where the memory file system has this size, in a name space of its own."""
    script = f'mount -t tmpfs -o mode=1777,size={size} tmpfs /dev/shm && exec "$@"'
    own = ["unshare", "--mount", *(["--map-root-user"] if os.geteuid() else []), "sh", "-c"]
    if subprocess.run([*own, script, "sh", "true"], capture_output=True, check=False).returncode:
        pytest.skip("the system does not let us have a memory file system of our own")
    return subprocess.run(
        [*own, script, "sh", *COMMAND, *args],
        cwd=project.root,
        env=project.env,
        capture_output=True,
        text=True,
        timeout=PATIENCE * 2,
        check=False,
    )


def test_a_memory_file_system_of_64_mb(sample: MakeSample) -> None:
    project = isolated(sample(FILES | {"test_adds.py": ADDS}), "test")
    done = with_memory(project, "64m")
    assert done.returncode == 0, done.stdout + done.stderr
    assert cluster(project).folder.parent != MEMORY
    nothing_is_left(project)


FULL = """
    import app
    import pytest

    @pytest.mark.parametrize("number", range(12))
    def test_1_full(number):
        with app.connect() as connection:
            connection.execute("INSERT INTO item (name) VALUES ('tea')")

    def test_2_has_a_database():
        assert app.count() == 0

    def test_3_too():
        assert app.count() == 0
    """
FILLS = """
    import os

    def pytest_runtest_logstart(nodeid):
        if "full[0]" in nodeid:
            with open("/dev/shm/fill", "wb", buffering=0) as file:
                try:
                    while True:
                        file.write(bytes(65536))
                except OSError:
                    pass
        elif "test_2" in nodeid:
            os.unlink("/dev/shm/fill")
    """


def test_a_disk_that_is_full_when_a_copy_is_to_be_made(sample: MakeSample) -> None:
    project = isolated(sample(FILES | {"test_full.py": FULL}), "test")
    project.write("conftest.py", textwrap.dedent(FILES["conftest.py"]) + textwrap.dedent(FILLS))
    done = with_memory(project, "560m", "-p", "no:randomly")
    assert "No space left on device" in done.stdout, done.stdout + done.stderr
    assert "test_full.py::test_1_full[11]" in done.stdout
    assert "::test_2" not in done.stdout
    assert "::test_3" not in done.stdout


MUCH = """
    import app
    import pytest

    def test_1_fills_it():
        with app.connect() as connection:
            connection.execute("ALTER TABLE item ALTER name SET STORAGE EXTERNAL")  # not compressed
            while True:
                connection.execute("INSERT INTO item (name) VALUES (repeat('x', 8000000))")

    @pytest.mark.parametrize("number", range(5))
    def test_2_has_a_database(number):
        assert app.count() == 0
    """


def test_a_test_that_fills_its_database(sample: MakeSample) -> None:
    project = isolated(sample(FILES | {"test_much.py": MUCH}), "test")
    done = with_memory(project, "560m", "-v", "-p", "no:randomly")
    output = done.stdout + done.stderr
    assert "::test_1_fills_it FAILED" in output
    assert "No space left on device" in output or SAYS in output
    # Without room for its own log a server ends, be it a moment later; the next test has another.
    later = [line for line in done.stdout.splitlines() if "::test_2" in line and "%]" in line]
    assert len([line for line in later if " PASSED " in line]) >= (4 if SAYS in output else 5), output
    assert " PASSED " in later[-1], output


def test_a_home_that_cannot_be_written_to(sample: MakeSample) -> None:
    project = isolated(sample(FILES | {"test_adds.py": ADDS}), "test")
    done = project.enctest("-n", "2", HOME="/proc/nowhere", XDG_CACHE_HOME="/proc/nowhere/cache")
    assert done.returncode == 0, done.stdout + done.stderr
    nothing_is_left(project)


def test_two_explorers_and_a_plain_run_at_once(sample: MakeSample) -> None:
    project = isolated(sample(FILES | {"tests/test_adds.py": ADDS}), "test")
    with project.watch() as one, second(project, "tests") as other:
        folder = cluster(project).folder
        for watch in (one, other):
            assert set(watch.outcomes().values()) == {"passed"}
            watch.mark()
        project.replace("tests/test_adds.py", "== 1", "== 1, number")
        done = project.enctest("-n", "2")
        assert done.returncode == 0, done.stdout + done.stderr
        for watch in (one, other):
            watch.idle()
            assert len(watch.outcomes()) == 6
            assert set(watch.outcomes().values()) == {"passed"}
        (project.runtime / "cluster").unlink()
        assert project.enctest().returncode == 0
        assert cluster(project).folder == folder
    nothing_is_left(project)
