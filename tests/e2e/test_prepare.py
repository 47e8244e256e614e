"""`enctest --prepare`: databases for what is no pytest."""

from __future__ import annotations

import contextlib
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator

import psycopg
import pytest
from tests.e2e.conftest import MakeSample
from tests.harness import PATIENCE, Sample, processes_of, wait_until

ENCTEST = [sys.executable, "-uP", "-c", "import enctest.cli, sys; sys.exit(enctest.cli.main())"]
FILES = {
    "pyproject.toml": """
        [tool.enctest.databases.shop]
        migrations = "migrations"
        env = { SHOP_URL = "{url}", SHOP_NAME = "it's {name}" }
        tcp = true
        """,
    "migrations/1.sql": "create table item (name text);",
}


@contextlib.contextmanager
def prepared(project: Sample, *args: str) -> Iterator[subprocess.Popen[str]]:
    """Start it, and wait until it is ready."""
    process = subprocess.Popen(
        [*ENCTEST, *args],
        cwd=project.root, env=project.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stderr is not None
    try:
        assert process.stderr.readline() == "enctest: ready until Ctrl+C\n"
        yield process
    finally:
        process.kill()
        process.communicate()


def ends(process: subprocess.Popen[str], number: signal.Signals) -> tuple[str, str]:
    """Ask it to end; return the rest of what it printed."""
    process.send_signal(number)
    output, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    return output, errors


def variables(text: str) -> dict[str, str]:
    """Return what a shell would make of it."""
    words = [word for word in shlex.split(text, comments=True) if word != "export"]
    return dict(word.split("=", 1) for word in words)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_prints_the_variables_and_keeps_the_databases(sample: MakeSample, number: signal.Signals) -> None:
    project = sample(FILES)
    with prepared(project, "--prepare") as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(3)]
        env = variables("".join(lines))
        assert all(line.startswith("export ") for line in lines)
        assert env["SHOP_NAME"].startswith("it's ")
        with psycopg.connect(env["SHOP_URL"]) as connection:
            assert connection.execute("select count(*) from item").fetchone() == (0,)
        assert ends(process, number) == ("", "")
    wait_until("the server is gone", lambda: not processes_of(project.runtime))


def test_a_file_is_private_and_goes(sample: MakeSample) -> None:
    project = sample(FILES)
    path = project.root / "test.env"
    with prepared(project, "--prepare=test.env") as process:
        assert path.stat().st_mode & 0o777 == 0o600
        shell = subprocess.run(
            ["sh", "-c", "set -a; . ./test.env; printenv SHOP_NAME"],
            cwd=project.root, capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert shell.stdout.strip() == variables(path.read_text())["SHOP_NAME"]
        assert ends(process, signal.SIGINT) == ("", "")
    assert not path.exists()
    path.write_text("PRECIOUS=1\n")
    done = project.enctest("--prepare=test.env")
    assert (done.returncode, done.stdout) == (4, "")
    assert "test.env exists, and is not ours" in done.stderr
    assert path.read_text() == "PRECIOUS=1\n"


def test_a_command_has_them(sample: MakeSample) -> None:
    project = sample(FILES)
    code = (
        "import os, psycopg; c = psycopg.connect(os.environ['SHOP_URL']);"
        "print(c.execute('select count(*) from item').fetchone()); raise SystemExit(3)"
    )
    done = project.enctest("--prepare", "--", sys.executable, "-c", code)
    assert (done.returncode, done.stdout, done.stderr) == (3, "(0,)\n", "")
    done = project.enctest("--prepare", "--", "no-such-command")
    assert (done.returncode, "Traceback" in done.stderr) == (4, False)
    assert "no-such-command cannot be started" in done.stderr
    assert not processes_of(project.runtime)


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("--prepare",), "there is nothing to prepare"),
        (("--prepare", "tests"), "takes a file, or a command"),
        (("--prepare", "--"), "takes a file, or a command"),
        (("--prepare=",), "takes a file, or a command"),
    ],
)
def test_what_it_cannot_do_is_said(sample: MakeSample, args: tuple[str, ...], says: str) -> None:
    done = sample({}).enctest(*args)
    assert done.returncode == 4
    assert says in done.stderr
    assert "Traceback" not in done.stderr
