"""`enctest -n N`: copies of the collected session run the tests, and nobody can tell from the outcome."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from tests.e2e.conftest import MakeSample
from tests.harness import Sample, wait_until

WITHOUT_XDIST = ("-p", "no:xdist")
QUIET = ("-p", "no:randomly", "-p", "no:cacheprovider")
ENDINGS = {
    f"test_{name}.py": """
        import os, sys, warnings
        import pytest

        @pytest.fixture
        def broken():
            raise RuntimeError("never")

        @pytest.fixture
        def leaves_badly():
            yield
            raise RuntimeError("late")

        def test_passes(): pass
        def test_prints():
            print("to stdout")
            os.write(2, b"to descriptor 2\\n")
            assert os.environ["NOTHING_LIKE_IT"]
        def test_errs(broken): pass
        def test_leaves(leaves_badly): pass
        def test_skips(): pytest.skip("not today")
        @pytest.mark.xfail
        def test_xfails(): assert 0
        @pytest.mark.xfail
        def test_xpasses(): pass
        def test_warns(): warnings.warn("careful")
        @pytest.mark.parametrize("number", range(12))
        def test_many(number): print(f"number {number}"); assert number != 7
        """
    for name in ("a", "b", "c")
}


def plain(project: Sample, *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", "-c", "import sys, pytest; sys.exit(pytest.console_main())", *args],
        cwd=project.root, env=project.env, capture_output=True, text=True, check=False,
    )  # fmt: skip


def summary(done: subprocess.CompletedProcess[str]) -> tuple[int, list[str]]:
    """Return the exit code and the lines of the short summary, sorted, with the counts."""
    lines = done.stdout.splitlines()
    told = sorted(line for line in lines if re.match(r"(PASSED|FAILED|ERROR|SKIPPED|XFAIL|XPASS)", line))
    return done.returncode, [*told, re.sub(r" in [0-9.]+s", "", lines[-1])]


@pytest.mark.parametrize("options", [(), WITHOUT_XDIST], ids=["xdist", "no_xdist"])
def test_everything_ends_as_in_one_process(sample: MakeSample, options: tuple[str, ...]) -> None:
    project = sample(ENDINGS)
    expected = plain(project, "-q", "-rA", *QUIET)
    done = project.enctest("-n", "2", "-q", "-rA", *QUIET, *options)
    assert summary(done) == summary(expected), done.stdout + done.stderr
    assert done.stdout.count("UserWarning: careful") == 3
    for text in ("number 7", "to stdout", "to descriptor 2"):  # each output is with its own test
        assert done.stdout.count(text) == expected.stdout.count(text), text


def test_the_junit_file_has_every_test_once(sample: MakeSample) -> None:
    project = sample(ENDINGS)
    project.enctest("-n2", f"--junitxml={project.root / 'junit.xml'}", *QUIET)
    cases = [
        (case.get("classname"), case.get("name"))
        for case in ET.parse(project.root / "junit.xml").iter("testcase")  # noqa: S314 - our own
    ]
    assert len(cases) == len(set(cases)) == 60


FIXTURES = {
    "conftest.py": """
        import os, pathlib, time
        import pytest

        LOG = pathlib.Path(__file__).with_name("log")

        def meet():
            end = time.monotonic() + 30
            while len({line.split()[0] for line in LOG.read_text().splitlines()}) < 2:
                assert time.monotonic() < end
                time.sleep(0.01)

        def note(text):
            with LOG.open("a") as file:
                file.write(f"{os.getpid()} {text}\\n")

        @pytest.fixture(scope="session")
        def base():
            note("base begins")
            yield
            note("base ends")
        """,
    "test_first.py": """
        import pytest
        from conftest import meet, note

        @pytest.fixture(scope="module")
        def shared(base):
            note("shared begins")
            yield
            note("shared ends")

        @pytest.mark.parametrize("number", range(6))
        def test_it(shared, number): note(f"test {number}"); meet()
        """,
    "test_second.py": """
        import pytest
        from conftest import meet, note

        @pytest.mark.parametrize("number", range(6))
        def test_it(base, number): note("other"); meet()
        """,
    "pyproject.toml": '[tool.pytest.ini_options]\npythonpath = ["."]\n',
}


def test_fixtures_are_made_once_a_worker_and_torn_down_last(sample: MakeSample) -> None:
    project = sample(FIXTURES)
    done = project.enctest("-n", "2", "-q", *QUIET)
    assert done.returncode == 0, done.stdout
    lines = [line.split(" ", 1) for line in (project.root / "log").read_text().splitlines()]
    by_worker = {pid: [text for other, text in lines if other == pid] for pid, _ in lines}
    assert len(by_worker) == 2
    for told in by_worker.values():
        assert told.count("base begins") == 1
        assert told[0] == "base begins"
        assert told[-1] == "base ends"
    (with_shared,) = [told for told in by_worker.values() if "shared begins" in told]
    begin = with_shared.index("shared begins")
    assert with_shared[begin : begin + 8] == [
        "shared begins", *(f"test {number}" for number in range(6)), "shared ends",
    ]  # fmt: skip


@pytest.mark.parametrize("options", [(), WITHOUT_XDIST], ids=["xdist", "no_xdist"])
def test_suites_find_what_xdist_would_tell_them(sample: MakeSample, options: tuple[str, ...]) -> None:
    project = sample(
        {
            f"test_{name}.py": """
            import glob
            import os
            import time

            def test_who(worker_id, testrun_uid, tmp_path_factory, request):
                assert os.environ["PYTEST_XDIST_WORKER"] == worker_id
                assert request.config.workerinput["workerid"] == worker_id
                assert worker_id in {"gw0", "gw1"}
                assert os.environ["PYTEST_XDIST_WORKER_COUNT"] == "2"
                assert os.environ["PYTEST_XDIST_TESTRUNUID"] == testrun_uid
                assert tmp_path_factory.getbasetemp().name == f"popen-{worker_id}"
                open(f"seen-{worker_id}-{testrun_uid}", "w").close()
                end = time.monotonic() + 30
                while len(glob.glob("seen-*")) < 2 and time.monotonic() < end:
                    time.sleep(0.01)
            """
            for name in "abcd"
        }
    )
    done = project.enctest("-n2", "-q", *QUIET, *options)
    assert done.returncode == 0, done.stdout
    seen = [path.name.split("-", 2)[1:] for path in project.root.glob("seen-*")]
    assert sorted(worker for worker, _ in seen) == ["gw0", "gw1"]
    assert len({uid for _, uid in seen}) == 1


DEATHS = {
    "test_deaths.py": """
        import os, signal
        def test_before(): pass
        def test_killed(): print("last words"); os.kill(os.getpid(), signal.SIGKILL)
        def test_between(): pass
        def test_leaves(): os.write(2, b"bye"); os._exit(0)
        def test_after(): pass
        """,
    "test_other.py": "import pytest\n@pytest.mark.parametrize('n', range(20))\ndef test_it(n): pass\n",
}


def test_a_worker_that_dies_costs_one_test(sample: MakeSample) -> None:
    project = sample(DEATHS)
    done = project.enctest("-n", "2", *QUIET)
    assert done.returncode == 1
    assert "2 failed, 23 passed" in done.stdout
    assert "crashed while running 'test_deaths.py::test_killed': it was killed by SIGKILL" in done.stdout
    assert "crashed while running 'test_deaths.py::test_leaves': it ended with exit code 0" in done.stdout
    assert "last words" in done.stdout
    assert "bye" in done.stdout
    trace = project.enctest("trace", "test_deaths.py::test_killed")
    assert "still open" in trace.stdout


def test_a_project_that_always_kills_its_worker_comes_to_an_end(sample: MakeSample) -> None:
    project = sample(
        {"test_all.py": "import os\n" + "".join(f"def test_{n}(): os._exit(3)\n" for n in range(15))}
    )
    done = project.enctest("-n", "2", "-q", *QUIET)
    assert done.returncode == 1
    assert "15 failed" in done.stdout


def test_it_stops_where_pytest_would(sample: MakeSample) -> None:
    project = sample(ENDINGS)
    done = project.enctest("-n", "2", "-x", *QUIET)
    assert done.returncode == 1
    assert "stopping after 1 failures" in done.stdout
    assert re.search(r"= (1 failed|.*1 error)", done.stdout)


ENDS = {
    "exit": ("pytest.exit('enough', 7)", 7, "enough"),
    "interrupt": ("raise KeyboardInterrupt", 2, "KeyboardInterrupt"),
    "should_stop": ("request.session.shouldstop = 'tired'", 2, "tired"),
}


@pytest.mark.parametrize("end", ENDS)
def test_a_test_that_ends_the_session(sample: MakeSample, end: str) -> None:
    code, exit_code, text = ENDS[end]
    slow = (
        "import time, pytest\n@pytest.mark.parametrize('n', range(100))\ndef test_it(n): time.sleep(0.02)\n"
    )
    project = sample({"test_end.py": f"import pytest\ndef test_it(request): {code}\n", "test_slow.py": slow})
    done = project.enctest("-n", "2", *QUIET)
    assert done.returncode == exit_code
    assert text in done.stdout
    assert "101 passed" not in done.stdout


def test_an_interrupt_tears_down_and_leaves_no_process(sample: MakeSample) -> None:
    project = sample(
        {
            "test_slow.py": """
            import os, time
            import pytest

            @pytest.fixture
            def noted():
                open(f"begun-{os.getpid()}", "w").close()
                yield
                open(f"ended-{os.getpid()}", "w").close()

            @pytest.mark.parametrize("number", range(2))
            def test_it(noted, number): time.sleep(600)
            """
        }
    )
    code = (  # a shell may have it ignored
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "import enctest.cli; sys.exit(enctest.cli.main())"
    )
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", code, "-n2", *QUIET],
        cwd=project.root, env=project.env, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        wait_until("both tests run", lambda: len(list(project.root.glob("begun-*"))) == 2)
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 2, output
    begun = {path.name.removeprefix("begun-") for path in project.root.glob("begun-*")}
    assert {path.name.removeprefix("ended-") for path in project.root.glob("ended-*")} == begun
    assert not any(Path(f"/proc/{pid}").exists() for pid in begun)


def test_what_workers_need_is_remembered(sample: MakeSample) -> None:
    project = sample(
        {
            "shop.py": "def total(prices):\n    return sum(prices)\n",
            "late.py": "def name():\n    return 'late'\n",
            "test_shop.py": "import shop\ndef test_total(): assert shop.total([1]) == 1\n",
            "test_late.py": "def test_late():\n    import late\n    assert late.name() == 'late'\n",
            "test_none.py": "def test_none(): pass\n",
            "pyproject.toml": '[tool.pytest.ini_options]\npythonpath = ["."]\n',
        }
    )
    assert project.enctest("-n", "2", "-q", *QUIET).returncode == 0
    assert project.enctest("affected", "--changed", "shop.py").stdout.split() == ["test_shop.py::test_total"]
    assert project.enctest("affected", "--changed", "late.py").stdout.split() == ["test_late.py::test_late"]


ALONE = {
    "thread": (
        "from threading import Event, Thread\nThread(None, Event().wait, 'busy', daemon=True).start()\n",
        "a thread was started while tests were collected (busy)",
    ),
    "name": (
        "import os\nDATABASE = 'test_' + os.environ.get('PYTEST_XDIST_WORKER', 'master')\n",
        "asks for PYTEST_XDIST_WORKER before there are workers",
    ),
}


@pytest.mark.parametrize("reason", ALONE)
def test_one_process_where_copies_would_not_be_true(sample: MakeSample, reason: str) -> None:
    code, text = ALONE[reason]
    project = sample({"test_it.py": f"{code}\ndef test_a(): pass\ndef test_b(): pass\n"})
    done = project.enctest("-n", "2", *QUIET)
    assert done.returncode == 0
    assert "2 passed" in done.stdout
    assert "one process runs the tests: " in done.stdout
    assert text in done.stdout


def test_xdist_runs_what_only_it_knows(sample: MakeSample) -> None:
    project = sample(ENDINGS)
    done = project.enctest("-n", "2", "--dist", "loadfile", *QUIET)
    assert "enctest: 2 workers" not in done.stdout
    assert "2/2 workers" in done.stdout or "2 workers [60 items]" in done.stdout


def test_the_projects_own_options_count(sample: MakeSample) -> None:
    project = sample(ENDINGS | {"pyproject.toml": '[tool.pytest.ini_options]\naddopts = "-n 2"\n'})
    assert "enctest: 2 workers" in project.enctest(*QUIET).stdout
    assert "workers" not in project.enctest("-n0", *QUIET).stdout


def test_a_number_that_is_none_is_one_clear_error(sample: MakeSample) -> None:
    done = sample(ENDINGS).enctest("-n", "many", *WITHOUT_XDIST)
    assert done.returncode != 0
    assert done.stderr.strip() == "enctest: -n takes a number of processes, auto or logical, not 'many'"


POISON = {
    "state.py": "VALUE = []\n",
    "test_p.py": """
        import os, pytest, state
        def test_poison(): state.VALUE.append(1)
        def test_victim(): assert state.VALUE == []
        def test_name(): assert "PYTEST_XDIST_WORKER" not in os.environ
    """,
    "pyproject.toml": '[tool.pytest.ini_options]\npythonpath = ["."]\naddopts = ["--strict-markers"]\n',
}


@pytest.mark.parametrize("workers", [(), ("-n", "2")])
def test_isolated_tests_do_not_see_each_other(sample: MakeSample, workers: tuple[str, ...]) -> None:
    project = sample(POISON)
    assert "1 failed, 2 passed" in project.enctest("-q", *QUIET).stdout
    done = project.enctest("--isolate", *workers, *QUIET, "-k", "poison or victim")
    assert "2 passed" in done.stdout, done.stdout
    assert "2 of 2 tests in processes of their own" in done.stdout
    assert done.returncode == 0


@pytest.mark.parametrize("workers", [(), ("-n", "2")])
def test_a_marked_test_has_a_process_of_its_own(sample: MakeSample, workers: tuple[str, ...]) -> None:
    project = sample(POISON)
    project.replace("test_p.py", "def test_poison", "@pytest.mark.isolated\ndef test_poison")
    done = project.enctest(*workers, "-q", *QUIET, "-k", "poison or victim")
    assert "2 passed" in done.stdout, done.stdout
    assert sorted(project.enctest("affected", "--changed", "state.py").stdout.split()) == [
        "test_p.py::test_poison",
        "test_p.py::test_victim",
    ]
