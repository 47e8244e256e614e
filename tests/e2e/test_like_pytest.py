"""`enctest` beside pytest itself: the same numbers, files, colours, and ends, also at a terminal."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET  # ours
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.e2e.conftest import MakeSample
from tests.e2e.terminal import Terminal
from tests.e2e.test_commands import plain, told
from tests.harness import Sample, processes_of, wait_until

FILES = {
    "shop.py": """
        def total(prices):
            if len(prices) > 3:
                return -1
            return sum(prices)

        def never():
            return 1
        """,
    "tests/test_shop.py": """
        import pytest, shop

        def test_total():
            assert shop.total([1]) == 1

        def test_bad():
            assert shop.total([1, 2]) == 4

        @pytest.mark.slow
        def test_slow():
            print("said")

        @pytest.mark.parametrize("n", [1, 2, 3])
        def test_many(n):
            assert n != 2

        @pytest.mark.skip(reason="not now")
        def test_skipped(): pass

        @pytest.mark.xfail
        def test_xfailed(): assert 0

        @pytest.fixture
        def broken(): raise ValueError("broken")

        def test_error(broken): pass
        """,
    "pyproject.toml": '[tool.pytest.ini_options]\npythonpath = ["."]\nmarkers = ["slow"]\n',
}
PYTEST = [sys.executable, "-P", "-c", "import sys, pytest; sys.argv[0] = 'pytest'; sys.exit(pytest.main())"]
ENCTEST = [sys.executable, "-P", "-c", "import enctest.cli, sys; sys.exit(enctest.cli.main())"]
HANGING = {
    "test_hang.py": """
        import sys, time, pytest

        @pytest.fixture
        def slow_end():
            yield
            print("tearing down", file=sys.stderr, flush=True)
            time.sleep(1000)

        def test_first(): pass

        def test_hang():
            print("hanging", file=sys.stderr, flush=True)
            time.sleep(1000)

        def test_hang_twice(slow_end):
            print("hanging", file=sys.stderr, flush=True)
            time.sleep(1000)
        """
}


@contextmanager
def typed(project: Sample, command: list[str], *args: str) -> Iterator[Terminal]:
    terminal = Terminal([*command, *args], cwd=project.root, env=project.env, size=(72, 60))
    try:
        yield terminal
    finally:
        terminal.close()


def test_what_failed_last_and_where_it_stood_is_pytests(sample: MakeSample) -> None:
    project = sample(FILES)
    cache, kept = project.root / ".pytest_cache", project.runtime / "kept"
    plain(project, "-q", "-p", "no:randomly")
    shutil.copytree(cache, kept)
    for args in (["--lf"], ["--ff"], ["--sw"], ["--sw"], ["--nf"], ["-k", "many and not 3"], ["-m", "slow"]):
        options = [*args, "-v", "-p", "no:randomly"]
        expected = plain(project, *options)
        after = remembered(cache)
        shutil.rmtree(cache)
        shutil.copytree(kept, cache)
        done = project.enctest(*options)
        assert done.returncode == expected.returncode, args
        lines = [
            [re.sub(r"\d+:\d+:\d+ ago", "", line) for line in told(each) if "0x" not in line]
            for each in (done, expected)
        ]
        assert lines[0] == lines[1], args
        assert remembered(cache) == after, args
        shutil.rmtree(kept)
        shutil.copytree(cache, kept)


def remembered(cache: Path) -> dict[str, str]:
    """Return what is in pytest's cache, but for the time."""
    files = {str(path.relative_to(cache)): path.read_text() for path in cache.rglob("*") if path.is_file()}
    return {name: re.sub('"last_cache_date_str": .*', "", text) for name, text in files.items()}


def junit(path: Path) -> list[tuple[str, dict[str, str], str]]:
    times = {"time", "timestamp", "hostname"}
    return [
        (
            element.tag,
            {key: value for key, value in element.attrib.items() if key not in times},
            element.text or "",
        )
        for element in ET.parse(path).iter()  # noqa: S314 - pytest wrote it
    ]


@pytest.mark.parametrize("more", [[], ["-n", "2"]], ids=str)
def test_junit_files_and_coverage_are_equal(sample: MakeSample, more: list[str]) -> None:
    project = sample(FILES)
    options = ["-q", "--cov=shop", "--cov-branch", "--cov-report=xml:cov.xml", "--junitxml=junit.xml"]
    found = []
    for run in (plain, Sample.enctest):
        done = run(project, *options, *more, "-p", "no:randomly")
        lines = ET.parse(project.root / "cov.xml").iter("line")  # noqa: S314 - pytest-cov wrote it
        cases = [case for case in junit(project.root / "junit.xml") if "0x" not in case[2]]
        found.append(
            (done.returncode, [line.attrib for line in lines], cases if not more else sorted(map(str, cases)))
        )
    assert found[0] == found[1]
    assert any(line.get("condition-coverage") == "50% (1/2)" for line in found[0][1])
    assert len(found[0][2]) > 10


@pytest.mark.parametrize("args", [(), ("-v",), ("-q", "--color=no")], ids=str)
def test_colours_width_and_progress_are_pytests(sample: MakeSample, args: tuple[str, ...]) -> None:
    project = sample(FILES)
    screens = []
    for command in (PYTEST, ENCTEST):
        with typed(project, command, "-p", "no:randomly", "-p", "no:cacheprovider", *args) as terminal:
            assert terminal.ended() == 1
            terminal.see("4 passed")
            screens.append(painted(terminal))
    assert screens[0] == screens[1]
    colours = {colour for line in screens[0] for _, colour in line}
    assert ("red" in colours, "green" in colours) == (("-q" not in args,) * 2)


def painted(terminal: Terminal) -> list[list[tuple[str, str]]]:
    """Return lines as characters with colours, but for those that tell times."""
    rows = []
    for number, line in enumerate(terminal.text().splitlines()):
        if not re.search(r"\d+\.\d\ds|0x|hidden", line):
            cells = terminal.screen.buffer[number]
            rows.append([(cells[column].data, cells[column].fg) for column in range(len(line))])
    return rows


@pytest.mark.parametrize("more", [[], ["-n", "2"]], ids=str)
def test_one_ctrl_c_stops_and_reports(sample: MakeSample, more: list[str]) -> None:
    project = sample(HANGING)
    args = ["-s", "-v", "-p", "no:randomly", "-k", "not twice", *more]
    with typed(project, ENCTEST, *args) as terminal:
        terminal.see("hanging", "PASSED")
        terminal.press("\x03")
        assert terminal.ended() == 2
        terminal.see("KeyboardInterrupt", "1 passed")
        assert "Traceback" not in terminal.text()
    wait_until("nothing is left", lambda: not processes_of(project.runtime))
    trace = project.enctest("trace", "test_hang.py::test_first")
    assert "call" in trace.stdout, trace.stderr


def test_a_second_ctrl_c_quits(sample: MakeSample) -> None:
    project = sample(HANGING)
    ends = []
    for command in (PYTEST, ENCTEST):
        with typed(project, command, "-s", "-p", "no:randomly", "-k", "twice") as terminal:
            terminal.see("hanging")
            terminal.press("\x03")
            terminal.see("tearing down")
            terminal.press("\x03")
            ends.append(terminal.ended())
    assert ends == [-2, 130]  # which is the same for a shell
    wait_until("nothing is left", lambda: not processes_of(project.runtime))


def test_pytests_own_trace_begins_in_the_debugger(sample: MakeSample) -> None:
    project = sample(FILES)
    with typed(project, ENCTEST, "--trace", "-k", "test_total") as terminal:
        terminal.see("(Pdb)", "test_total")
        terminal.press("c\r")
        assert terminal.ended() == 0


@pytest.mark.parametrize("more", [["-x"], ["-n", "2"], ["-n", "2", "--dist", "loadfile"]], ids=str)
def test_spans_of_failed_tests_are_printed(sample: MakeSample, more: list[str]) -> None:
    files = {
        "test_bank.py": """
            import sqlite3

            def test_fine(): pass

            def test_pay():
                db = sqlite3.connect(":memory:")
                db.execute("create table paid (amount)")
                db.close()
                assert False
            """
    }
    project = sample(files)
    done = project.enctest("--spans", "-p", "no:randomly", *more)
    assert done.returncode == 1
    assert [line.split("  ")[0] for line in done.stdout.splitlines() if "[test]" in line] == [
        "test_bank.py::test_pay"
    ]
    tree = done.stdout.partition("SPANS OF FAILED TESTS")[2].partition("short test summary")[0]
    for expected in ("  call  [phase]", "    CREATE TABLE paid  [db]", "    · AssertionError: assert False"):
        assert re.search(rf"^{re.escape(expected)}", tree, re.MULTILINE), tree
    assert done.stdout.splitlines()[-1].endswith("=")


def test_a_command_that_was_meant_is_named(sample: MakeSample) -> None:
    project = sample(FILES)
    done = project.enctest("wach")
    assert done.returncode == 4
    assert "did you mean: enctest watch" in done.stderr
    expected = subprocess.run([*PYTEST, "--bogus"], cwd=project.root, env=project.env, capture_output=True,
                              text=True, check=False).stderr  # fmt: skip
    expected = expected.replace("pytest.main(): ", "pytest: ").replace("pytest.main()", "pytest")
    assert project.enctest("--bogus").stderr == expected


def test_help_is_pytests_and_ours(sample: MakeSample) -> None:
    project = sample(FILES)
    whole = project.enctest("--help").stdout
    assert whole.count("\nenctest:\n") == 1
    theirs, ours = whole.split("\nenctest:\n")
    assert "--maxfail" in theirs
    assert "--isolate" in ours
    assert "--isolate" not in theirs
    short = project.enctest("-h").stdout
    assert short == ours
    alone = subprocess.run([*PYTEST, "--help"], cwd=project.root, env=project.env, capture_output=True,
                           text=True, check=True)  # fmt: skip
    assert alone.stdout.strip().splitlines()[-1] in theirs
