"""The command line: exactly pytest's runs, and questions that run nothing."""

from __future__ import annotations

import subprocess
import sys

import pytest
from tests.e2e.conftest import MakeSample
from tests.harness import Sample

FILES = {
    "shop.py": "def total(prices):\n    return sum(prices)\n\ndef name():\n    return 'shop'\n",
    "tests/test_shop.py": """
        import shop

        def test_total():
            assert shop.total([1]) == 1

        def test_name():
            assert shop.name() == "shop"
        """,
    "tests/deep/test_more.py": "def test_more():\n    print('more')\n",
    "pyproject.toml": '[tool.pytest.ini_options]\npythonpath = ["."]\n',
}
BAD = FILES | {"tests/test_bad.py": "def test_bad():\n    assert 0\n"}


def plain(project: Sample, *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", "-c", "import sys, pytest; sys.exit(pytest.console_main())", *args],
        cwd=project.root, env=project.env, capture_output=True, text=True, check=False,
    )  # fmt: skip


def told(done: subprocess.CompletedProcess[str]) -> list[str]:
    """Return what was printed, without times and the random seed."""
    return [line.split(" in ")[0] for line in done.stdout.splitlines() if "seed" not in line]


@pytest.mark.parametrize(
    "args",
    [
        (),
        ("-q", "tests/test_bad.py"),
        ("-k", "nothing_like_it"),
        ("--nonsense",),
        ("-x", "-v"),
        ("--co", "-q"),
        ("-q", "tests/nowhere.py"),
    ],
    ids=str,
)
def test_flags_output_and_exit_codes_are_pytests(sample: MakeSample, args: tuple[str, ...]) -> None:
    project = sample(BAD)
    options = (*args, "-p", "no:cacheprovider", "-p", "no:randomly")
    expected, done = plain(project, *options), project.enctest(*options)
    assert done.returncode == expected.returncode
    assert told(done) == told(expected)
    assert "Traceback" not in done.stderr


def test_dots_mean_everything_below(sample: MakeSample) -> None:
    project = sample(FILES)
    assert "3 passed" in project.enctest("./...").stdout
    assert "1 passed" in project.enctest("tests/deep/...").stdout


@pytest.mark.parametrize("args", [(), ("-n", "2"), ("--cov=.",)], ids=str)
def test_a_run_is_remembered(sample: MakeSample, args: tuple[str, ...]) -> None:
    project = sample(FILES)
    done = project.enctest("-q", *args)
    assert done.returncode == 0, done.stdout + done.stderr
    trace = project.enctest("trace", "tests/test_shop.py::test_total")
    assert trace.returncode == 0, trace.stderr
    assert all(phase in trace.stdout for phase in ("setup", "call", "teardown"))


def test_a_trace_is_compared_with_the_last_pass(sample: MakeSample) -> None:
    project = sample(
        {
            "bank.py": """
                import sqlite3
                def fee(amount):
                    return amount // 10
                def pay(amount):
                    db = sqlite3.connect(":memory:")
                    db.execute("create table paid (amount, fee)")
                    db.execute("insert into paid values (?, ?)", (amount, fee(amount)))
                    assert db.execute("select fee from paid").fetchone() == (9,)
                    db.execute("delete from paid")
                    db.close()
            """,
            "test_bank.py": "import bank\ndef test_pay():\n    bank.pay(90)\n",
        }
    )
    assert project.enctest("-q").returncode == 0
    test = "test_bank.py::test_pay"
    never = project.enctest("trace", test, "--compare", "previous")
    assert (never.returncode, never.stdout) == (1, "")
    assert "no run before" in never.stderr
    project.replace("bank.py", "// 10", "// 9")
    assert project.enctest("-q").returncode == 1
    done = project.enctest("trace", test, "--compare")
    assert done.returncode == 0, done.stderr
    changed = [line for line in done.stdout.splitlines() if line.startswith("~")]
    assert len(changed) == 1, done.stdout
    assert "INSERT paid" in changed[0], done.stdout
    assert "90, 9 -> 90, 10" in changed[0], done.stdout
    missing = [line for line in done.stdout.splitlines() if line.startswith(".")]
    assert len(missing) == 1, done.stdout
    assert "DELETE" in missing[0].upper(), done.stdout
    assert "Traceback" not in done.stderr


def test_a_trace_is_compared_with_another_tests(sample: MakeSample) -> None:
    project = sample(
        {
            "bank.py": """
                import sqlite3
                def pay(express=False):
                    db = sqlite3.connect(":memory:")
                    db.execute("create table paid (amount)")
                    if express:
                        db.execute("insert into paid values (5)")
                    db.execute("delete from paid")
                    db.close()
            """,
            "test_slow.py": "import bank\ndef test_slow(): bank.pay()\n",
            "test_fast.py": "import bank\ndef test_fast(): bank.pay(express=True)\n",
        }
    )
    assert project.enctest("-q").returncode == 0
    fast, slow = "test_fast.py::test_fast", "test_slow.py::test_slow"
    for asked in (["trace", fast, "--compare", slow], ["trace", "--compare", fast, slow]):
        done = project.enctest(*asked)
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith(f"{fast}  (run 1, compared with {slow}, run 1)\n")
        different = [line for line in done.stdout.splitlines() if line[:1] in "~+-.»"]
        assert "INSERT paid" in different[0], done.stdout
        assert different[0].startswith("+"), done.stdout
    unknown = project.enctest("trace", fast, "--compare", "test_slow.py::test_slo")
    assert (unknown.returncode, unknown.stdout) == (1, "")
    assert "no test test_slow.py::test_slo is known here" in unknown.stderr
    assert f"Did you mean: {slow}" in unknown.stderr
    too_many = project.enctest("trace", fast, "--compare", slow, fast)
    assert too_many.returncode == 4
    assert "takes one node id" in too_many.stderr


def test_affected_names_what_a_change_reaches_and_why(sample: MakeSample) -> None:
    project = sample(FILES)
    assert "no run is recorded" in project.enctest("affected").stderr
    project.enctest("-q")
    assert project.enctest("affected").stdout == ""
    project.replace("shop.py", "sum(prices)", "sum(prices) + 0")
    assert project.enctest("affected").stdout.split() == ["tests/test_shop.py::test_total"]
    why = project.enctest("affected", "--why").stdout
    assert "`shop.total` changed" in why
    asked = project.enctest("affected", "--changed", "shop.py").stdout.split()
    assert asked == ["tests/test_shop.py::test_total"]
    more = project.enctest("affected", "--changed", "tests/deep/test_more.py").stdout.split()
    assert more == ["tests/deep/test_more.py::test_more"]
    assert project.enctest("affected").stdout.split() == ["tests/test_shop.py::test_total"], (
        "asking changes nothing"
    )


def test_a_trace_that_is_not_there_is_said_with_a_hint(sample: MakeSample) -> None:
    project = sample(FILES)
    project.enctest("-q")
    done = project.enctest("trace", "test_total")
    assert done.returncode == 1
    assert "tests/test_shop.py::test_total" in done.stderr


def test_doctor_says_what_it_found(sample: MakeSample) -> None:
    project = sample(FILES)
    done = project.enctest("doctor")
    assert done.returncode == 0, done.stdout + done.stderr
    for word in ("python", "pytest", "fork", "memory", "databases"):
        assert word in done.stdout
    project.write("pyproject.toml", "[tool.enctest]\nspanz = 1\n")
    done = project.enctest("doctor")
    assert done.returncode == 1
    assert "spanz" in done.stdout


@pytest.mark.parametrize(
    "args",
    [("affected", "--nope"), ("affected", "x"), ("trace",), ("watch", "--events"), ("doctor", "x")],
    ids=str,
)
def test_wrong_usage_is_one_message_with_a_hint(sample: MakeSample, args: tuple[str, ...]) -> None:
    done = sample(FILES).enctest(*args)
    assert done.returncode == 4
    assert done.stderr.startswith("enctest: ")
    assert "Traceback" not in done.stderr


def test_help_and_version(sample: MakeSample) -> None:
    project = sample(FILES)
    assert "enctest affected" in project.enctest("--help").stdout
    assert project.enctest("--version").stdout.startswith("enctest 0.")


def test_variables_that_a_run_sets_are_not_the_users(sample: MakeSample) -> None:
    project = sample(
        {
            "conftest.py": "import os\nos.environ.setdefault('STAGE', 'test')\n",
            "test_it.py": "import os\ndef test_it(): assert os.getenv('STAGE') == 'test'\n",
        }
    )
    assert project.enctest("-q").returncode == 0
    assert project.enctest("affected").stdout == ""
    assert project.enctest("affected", STAGE="test").stdout.split() == ["test_it.py::test_it"]
