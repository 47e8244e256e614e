"""Every command that the documents show, run or at least asked for."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from tests.e2e.conftest import MakeSample
from tests.e2e.terminal import Terminal
from tests.e2e.test_screen import START
from tests.harness import Sample, processes_of, wait_until

from enctest.cli.usage import COMMANDS, OPTIONS
from enctest_tui.main import parse

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md"))]
PROGRAMS = ("enctest", "enctest-tui", "make", "pip", "python")
FILES = {
    "pyproject.toml": """
        [tool.pytest.ini_options]
        pythonpath = ["."]

        [tool.enctest.databases.shop]
        migrations = "migrations"
        isolation = "test"
        """,
    "migrations/0001_tables.up.sql": "create table orders (id int);\n",
    "shop.py": "def total(prices):\n    return sum(prices)\n",
    "tests/unit/test_shop.py": """
        import os, psycopg, shop

        def test_total():
            assert shop.total([1]) == 1

        def test_order():
            with psycopg.connect(os.environ["DATABASE_URL"]) as db:
                db.execute("insert into orders values (1)")
            assert shop.total([1]) == 2
        """,
}
STANDS_FOR = {
    "NODEID": "tests/unit/test_shop.py::test_order", "NAME": "shop", "PATH": "shop.py", "FILE": "report.html",
    "REV": "HEAD", "SHELL": "bash", "PORT": "9407", "N": "2",
}  # fmt: skip


def commands() -> Iterator[str]:
    """Yield the commands of the documents, each once."""
    found: dict[str, None] = {}
    for document in DOCUMENTS:
        text = document.read_text(encoding="utf-8")
        fences = re.findall(r"^```(?:sh|console|bash)?\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
        inline = re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL))
        lines = [line for fence in fences for line in fence.splitlines()]
        for line in [*lines, *inline]:
            for part in re.split(r"; (?=enctest)", re.split(r"\s{2,}|\s+# | \| ", line.strip())[0]):
                if re.match(rf"(?:{'|'.join(PROGRAMS)})(?: |$)", part):
                    found[part] = None
    return iter(found)


ALL = list(commands())


def spelled_out(command: str) -> list[list[str]]:
    """Return the words of a command and its alternatives, with and without what is optional."""
    forms = {re.sub(r" ?\[[^]]*\]", "", command), command.replace("[", "").replace("]", "")}
    found: list[list[str]] = []
    for form in sorted(forms):
        words = [word for word in shlex.split(form) if word not in ("PYTEST", "ARGS", "...")]
        words += ["2"] if words[-1] == "-n" else []  # as it is spoken of
        alternatives = next((word.split("|") for word in words if "|" in word), [""])
        for each in alternatives:
            chosen = [each if "|" in word else STANDS_FOR.get(word, word) for word in words]
            found.append(chosen)
    return found


def test_there_are_many_and_each_is_of_a_known_kind() -> None:
    assert len(ALL) > 30
    programs = {command.split()[0] for command in ALL}
    assert programs == set(PROGRAMS)


def test_each_command_of_the_usage_is_in_the_documents() -> None:
    shown = {words[1] for command in ALL for words in spelled_out(command) if len(words) > 1}
    assert COMMANDS.keys() <= shown
    text = "".join(document.read_text() for document in DOCUMENTS)
    for options in OPTIONS.values():
        assert not [
            option for option in options if option not in text and option not in ("--help", "--version")
        ]


@pytest.mark.parametrize("command", [each for each in ALL if each.split()[0] in ("make", "pip", "python")])
def test_targets_extras_and_benchmarks_are_there(command: str) -> None:
    words = shlex.split(command)
    if words[0] == "make":
        subprocess.run([*words, "-n"], cwd=ROOT, check=True, capture_output=True)
    elif words[0] == "pip":
        (extras,) = re.findall(r"\[(.*)\]", words[-1])
        project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
        assert set(extras.split(",")) <= set(project["optional-dependencies"])
    else:
        assert words[1] == "-m"
        assert find_spec(words[2]) is not None


GO_ON = ("watch", "--prepare")
"""What ends when it is told to; `watch` runs meanwhile."""
WRONG = re.compile(r"usage:|does not know|these are its commands|unrecognized| takes | needs ")
ONCE = [each for each in ALL if each.split()[0] == "enctest"]


@pytest.mark.skipif(sys.platform != "linux", reason="the sample's database is PostgreSQL")
def test_the_commands_without_a_screen_run(sample: MakeSample) -> None:
    project = sample(FILES)
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b"]
    for words in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-q", "-m", "all"]):
        subprocess.run([*git, *words], cwd=project.root, check=True, stdin=subprocess.DEVNULL)
    with project.watch() as watch:
        assert "watching" in watch.text()
        for form in {tuple(words[1:]): None for command in ONCE for words in spelled_out(command)}:
            check(project, form)


def check(project: Sample, words: tuple[str, ...]) -> None:
    """Run one; what has nothing to show may say so, but no word may be unknown."""
    if words and words[0].startswith(GO_ON):
        return
    done = project.enctest(*words)
    assert "Traceback" not in done.stderr, (words, done.stderr)
    assert done.returncode in (0, 1) or words[0] in ("db", "init"), (words, done.stdout, done.stderr)
    assert done.stdout or done.stderr or words[0] in ("affected", "db"), words
    assert not WRONG.search(done.stderr), (words, done.stderr)


@pytest.mark.parametrize("command", [each for each in ALL if each.split()[0] == "enctest-tui"])
def test_the_commands_with_a_screen_are_understood(command: str) -> None:
    """Each is opened by a test of its own; here, that no word is taken for something else."""
    for words in spelled_out(command):
        options = parse(words[1:])
        assert not any(arg.startswith("--") for arg in options.args)
        assert bool(options.port) == ("serve" in words)
        assert options.demo == ("--demo" in words)


def test_the_first_command_opens_the_tests(sample: MakeSample) -> None:
    project = sample(FILES)
    terminal = Terminal([*START, "tests/unit", "-k", "not slow"], cwd=project.root, env=project.env)
    try:
        terminal.see("test_total", "✓ 1", "✗ 1", "watching")
        terminal.press("q")
        assert terminal.ended() == 0
    finally:
        terminal.close()
    wait_until("nothing is left", lambda: not processes_of(project.runtime))
