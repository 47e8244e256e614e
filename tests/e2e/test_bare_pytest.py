"""A bare `pytest`, as terminals and editors start it: silent until asked, then as good as `enctest`."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.e2e.conftest import MakeSample
from tests.e2e.test_commands import BAD, FILES, told
from tests.harness import PATIENCE, Sample, processes_of, wait_until

TOTAL = "tests/test_shop.py::test_total"
WAITS = {
    "pyproject.toml": FILES["pyproject.toml"],
    "tests/test_waits.py": """
        import os, pathlib, time

        def test_waits():
            while "WAITS" in os.environ and not pathlib.Path("go").exists():
                time.sleep(0.01)
        """,
}
WAIT = "tests/test_waits.py::test_waits"
ASKED = '[tool.pytest.ini_options]\npythonpath = ["."]\nenctest = true\n'
"""A project that asks for us in its configuration."""


def start(project: Sample, *args: str, **env: str) -> subprocess.Popen[str]:
    """Begin a bare run, of which every line can be read at once."""
    return subprocess.Popen(
        [sys.executable, "-uP", "-m", "pytest", "-p", "no:randomly", "-p", "no:cacheprovider", *args],
        cwd=project.root, env=project.env | env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def plain(project: Sample, *args: str) -> subprocess.CompletedProcess[str]:
    """Do a bare run."""
    process = start(project, *args)
    output, errors = process.communicate(timeout=PATIENCE)
    return subprocess.CompletedProcess(args, process.returncode, output, errors)


def lines(done: subprocess.CompletedProcess[str]) -> list[str]:
    """Return what was printed, in no order, whichever of two workers said it and when."""
    return sorted(re.sub(r"gw[01](?=\])(\] \[ *\d+%)?", "gw", line) for line in told(done))


def is_remembered(project: Sample, test: str) -> bool:
    done = project.enctest("trace", test)
    return done.returncode == 0 and all(phase in done.stdout for phase in ("setup", "call", "teardown"))


def test_nothing_happens_until_somebody_asks(sample: MakeSample) -> None:
    project = sample(FILES)
    project.write("tests/test_loaded.py", """
        import sys

        def test_loaded():
            heavy = {"msgspec", "opentelemetry.sdk", "enctest.session.spool", "enctest.explorer", "sqlite3"}
            assert not heavy & sys.modules.keys()
        """)  # fmt: skip
    done = plain(project, "-q")
    assert done.returncode == 0, done.stdout
    assert not (project.root / ".enctest").exists()


@pytest.mark.parametrize("args", [(), ("-n", "2"), ("--cov=.",)], ids=str)
def test_a_run_that_asks_is_remembered_and_looks_the_same(sample: MakeSample, args: tuple[str, ...]) -> None:
    project = sample(BAD)
    options = ("-v", *args)
    expected = plain(project, *options)
    done = plain(project, *options, "--enctest")
    assert done.returncode == expected.returncode == 1
    assert (done.stderr, lines(done)) == (expected.stderr, lines(expected))
    assert is_remembered(project, TOTAL)
    assert is_remembered(project, "tests/test_bad.py::test_bad")
    assert not list(project.root.glob(".enctest/*spool*"))


def test_a_project_asks_in_its_configuration(sample: MakeSample) -> None:
    project = sample(FILES | {"pyproject.toml": ASKED})
    assert plain(project, "-q", "-o", "enctest=false").returncode == 0
    assert not (project.root / ".enctest").exists()
    assert plain(project, "-q").returncode == 0
    assert is_remembered(project, TOTAL)
    with project.watch() as watch:  # its own processes leave it to the explorer
        watch.mark()
        assert watch.edit("shop.py", "sum(prices)", "sum(prices) + 0") == {TOTAL: "passed"}
    assert "1 passed" in project.enctest("-q", "tests/deep").stdout
    assert not list(project.root.glob(".enctest/*spool*"))


def test_to_look_what_there_is_leaves_nothing(sample: MakeSample) -> None:
    project = sample(FILES)
    for args in (("--collect-only", "-q"), ("--help",), ("--version",)):
        done = plain(project, "--enctest", *args)
        assert (done.returncode, done.stderr) == (0, "")
    assert not (project.root / ".enctest/history.db").exists()
    assert "enctest: traces and databases" in plain(project, "--help").stdout


def test_a_run_elsewhere_is_seen_while_it_goes_on(sample: MakeSample) -> None:
    project = sample(WAITS)
    with project.watch() as watch:
        watch.mark()
        running = start(project, "--enctest", "-q", WAITS="1")
        run = watch.wait_for("test_started", test=WAIT)["run"]
        watch.wait_for("span_started", test=WAIT, name="call", run=run)
        assert not watch.new("test_finished")
        project.write("go", "")
        watch.wait_for("test_finished", test=WAIT, outcome="passed", run=run)
        assert running.communicate(timeout=PATIENCE)[0].startswith(".")
        watch.wait_for("run_finished", run=run, counts={"passed": 1})
        watch.idle()
    assert not list(project.root.glob(".enctest/*spool*"))


def test_a_run_elsewhere_that_is_killed(sample: MakeSample) -> None:
    project = sample(WAITS)
    with project.watch() as watch:
        watch.mark()
        running = start(project, "--enctest", "-q", WAITS="1")
        run = watch.wait_for("test_started", test=WAIT)["run"]
        running.kill()
        running.communicate(timeout=PATIENCE)
        watch.wait_for("run_finished", run=run, counts={})
        watch.idle()
        assert not list(project.root.glob(".enctest/*spool*"))
        assert watch.edit("tests/test_waits.py", "0.01", "0.02") == {WAIT: "passed"}


def test_what_a_killed_run_left_is_swept(sample: MakeSample) -> None:
    project = sample(WAITS)
    running = start(project, "--enctest", "-q", WAITS="1")
    wait_until("it has begun", lambda: list(project.root.glob(".enctest/spool-*/*.frames")))
    running.kill()
    running.communicate(timeout=PATIENCE)
    assert plain(project, "--enctest", "-q").returncode == 0
    assert not list(project.root.glob(".enctest/*spool*"))
    assert is_remembered(project, WAIT)


def test_a_run_that_is_interrupted_is_remembered(sample: MakeSample) -> None:
    project = sample(WAITS | {"tests/test_a.py": "def test_a():\n    pass\n"})
    running = start(project, "--enctest", "-v", WAITS="1")
    assert running.stdout is not None
    assert any("test_a PASSED" in line for line in iter(running.stdout.readline, ""))
    running.send_signal(signal.SIGINT)
    assert "KeyboardInterrupt" in running.communicate(timeout=PATIENCE)[0]
    assert running.returncode == 2
    assert is_remembered(project, "tests/test_a.py::test_a")


def test_twice_in_one_process(sample: MakeSample) -> None:
    project = sample(FILES)
    code = (
        "import pytest\n"
        "first = pytest.main(['--enctest', '-q'])\n"
        "raise SystemExit(first or pytest.main(['--enctest', '-q', 'tests/deep']))"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", code],
        cwd=project.root, env=project.env, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert is_remembered(project, TOTAL)
    assert is_remembered(project, "tests/deep/test_more.py::test_more")
    with project.watch() as watch:
        assert watch.outcomes() == {}  # all of it is known, with what it depends on
        assert watch.edit("shop.py", "sum(prices)", "sum(prices) + 0") == {TOTAL: "passed"}


def test_a_session_within_a_session(sample: MakeSample) -> None:
    project = sample({
        "pyproject.toml": ASKED,
        "tests/conftest.py": "pytest_plugins = ['pytester']\n",
        "tests/test_inner.py": """
            def test_inner(pytester):
                pytester.makepyprojecttoml("[tool.pytest.ini_options]\\nenctest = true\\n")
                pytester.makepyfile(test_it="def test_it(): pass")
                pytester.runpytest_inprocess().assert_outcomes(passed=1)
            """,
    })  # fmt: skip
    done = plain(project, "-q")
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert is_remembered(project, "tests/test_inner.py::test_inner")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[tool.enctest]\nspam = 1\n", "there is no setting 'spam'"),
        ("[tool.enctest.databases.db]\nengine = 'oracle'\n", "oracle"),
    ],
)
def test_a_wrong_configuration_is_one_message(sample: MakeSample, text: str, says: str) -> None:
    project = sample(FILES | {"pyproject.toml": ASKED + text})
    done = plain(project, "-q")
    assert done.returncode == 4
    assert says in done.stderr
    assert "Traceback" not in done.stderr + done.stdout


DATABASE = {
    "pyproject.toml": ASKED
    + """
[tool.enctest.databases.shop]
migrations = "migrations"
env = "DATABASE_URL"
tcp = true
""",
    "migrations/1.sql": "create table item (name text);",
    "tests/test_items.py": """
        import os, pathlib, time, psycopg

        def test_item():
            with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
                assert connection.execute("select count(*) from item").fetchone() == (0,)
                connection.execute("insert into item values ('pen')")
            pathlib.Path(f"url-{os.getpid()}").write_text(os.environ["DATABASE_URL"])
            while len(list(pathlib.Path().glob("url-*"))) < 3:
                time.sleep(0.01)
        """,
}


@pytest.fixture
def three(sample: MakeSample) -> Callable[[], tuple[Sample, list[str]]]:
    """Start three runners at the same moment, each of which waits for the others."""

    def run() -> tuple[Sample, list[str]]:
        project = sample(DATABASE)
        runs = [start(project, "-q") for _ in range(3)]
        try:
            ended = wait_until(
                "all are at it, or one has ended",
                lambda: (
                    len(list(project.root.glob("url-*"))) == 3
                    or [each.communicate()[0] for each in runs if each.poll() is not None]
                ),
            )
            assert ended is True, ended
        except AssertionError:
            for each in runs:
                each.kill()
                each.communicate()
            raise
        outputs = [each.communicate(timeout=PATIENCE)[0] for each in runs]
        assert [each.returncode for each in runs] == [0, 0, 0], outputs
        return project, outputs

    return run


def test_runners_of_the_same_moment_share_a_server(three: Callable[[], tuple[Sample, list[str]]]) -> None:
    project, outputs = three()
    urls = [path.read_text() for path in project.root.glob("url-*")]
    assert len(set(urls)) == 3  # a database each
    assert len({url.split("@")[1].rpartition("/")[0] for url in urls}) == 1  # of one server
    assert not processes_of(project.runtime)
    passwords = [url.split(":")[2].split("@")[0] for url in urls]
    written = [
        path for path in project.root.rglob("*") if path.is_file() and not path.name.startswith("url-")
    ]
    assert all(len(password) > 8 for password in passwords)
    assert not [path for path in written if any(word.encode() in path.read_bytes() for word in passwords)]
    assert not any(word in text for word in passwords for text in outputs)


def test_the_state_folder_is_private(sample: MakeSample) -> None:
    project = sample(FILES)
    assert plain(project, "--enctest", "-q").returncode == 0
    modes = {path: path.stat().st_mode & 0o077 for path in Path(project.root / ".enctest").glob("*.db")}
    assert modes
    assert not any(modes.values())
