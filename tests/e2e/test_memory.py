"""What is remembered is true: after deaths at any moment, on a full disk, after damage."""

from __future__ import annotations

import functools
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.conftest import MakeSample
from tests.harness import PATIENCE, Sample, Watch, explorers_of, processes_of, wait_until

from enctest.store.history import History

PARTS = 6
FILES = {
    "pyproject.toml": '[tool.pytest.ini_options]\npythonpath = ["."]\n',
    **{f"part{number}.py": "VALUE = 0\n\ndef value():\n    return 0\n" for number in range(PARTS)},
    **{
        f"tests/test_part{number}.py": f"""
            import part{number}

            def test_small():
                assert part{number}.value() < 2

            def test_even():
                assert part{number}.value() % 2 == 0

            def test_level():
                assert part{number}.VALUE < 2
            """
        for number in range(PARTS)
    },
}


def save(project: Sample, round_: int) -> None:
    """Save two parts: a function of the one, the module level of the other."""
    one, other = project.root / f"part{round_ % PARTS}.py", project.root / f"part{(round_ + 1) % PARTS}.py"
    one.write_text(re.sub(r"return \d+", f"return {round_ % 4}", one.read_text()))
    other.write_text(re.sub(r"VALUE = \d+", f"VALUE = {round_ % 3}", other.read_text()))


def truth(project: Sample) -> dict[str, str]:
    """Return the outcomes that plain pytest finds."""
    command = [sys.executable, "-m", "pytest", "-rA", "-q", "-p", "no:cacheprovider", "-p", "no:randomly"]
    done = subprocess.run(
        command,
        cwd=project.root,
        env=project.env,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    lines = re.findall(r"^(PASSED|FAILED) (\S+)", done.stdout, re.MULTILINE)
    return {test: outcome.lower() for outcome, test in lines}


def remembered(project: Sample) -> dict[str, str]:
    """Return the outcomes of all tests that are stored as fresh."""
    history = History(project.root / ".enctest")
    found = {test.info.test: str(test.outcome) for test in history.tests() if not test.outdated}
    history.close()
    return found


def kill(watch: Watch) -> None:
    """Kill the explorer; its front end ends by itself."""
    for pid in explorers_of(watch.sample.runtime):
        os.kill(pid, signal.SIGKILL)
    watch.process.wait(PATIENCE)
    wait_until("nothing is left", lambda: not processes_of(watch.sample.root))


MOMENTS = ("change", "affected", "collected", "run_started", "test_started", "test_finished", "run_finished")


def test_an_explorer_that_is_killed_at_any_moment_knows_nothing_false(sample: MakeSample) -> None:
    project = sample(FILES)
    with project.watch() as watch:
        assert set(watch.outcomes()) == set(truth(project))
        remembered_soon(project)
    for round_, moment in enumerate(MOMENTS, 1):
        with project.watch() as watch:
            watch.mark()
            save(project, round_)
            watch.wait_for(moment)
            kill(watch)
        real = truth(project)
        stored = remembered(project)
        scan = {line for line in project.enctest("affected").stdout.split() if "::" in line}
        assert {test: stored[test] for test in stored.keys() - scan} == {
            test: real[test] for test in stored.keys() - scan
        }, f"killed at {moment}"
    with project.watch():
        pass
    assert remembered(project) == truth(project)


def remembered_soon(project: Sample) -> dict[str, str]:
    """Wait until all results of the first run are written; they are, behind the explorer's back."""
    count = 3 * PARTS
    found: dict[str, str] = wait_until(
        "all is written", lambda: len(now) == count and now if (now := remembered(project)) else {}
    )
    return found


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """Mount a file system of 3 MB."""
    folder.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        pytest.skip(f"mounting is not allowed here: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """Fill the disk to the last byte."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as stream:
        for size in (65536, 4096, 512, 1):
            try:
                while stream.write(b"x" * size):
                    pass
            except OSError:
                continue
    return filler


def errors(watch: Watch) -> list[dict[str, Any]]:
    return [event for event in watch.events() if event["type"] == "error"]


def test_a_full_disk_is_said_once_and_makes_nothing_false(sample: MakeSample) -> None:
    project = sample(FILES)
    with small_disk(project.root / ".enctest"):
        with project.watch() as watch:
            filler = fill(project.root / ".enctest")
            for round_ in (1, 2, 3):
                watch.mark()
                save(project, round_)
                watch.idle()
                assert watch.outcomes()
            (told,) = wait_until("it is said", functools.partial(errors, watch))
            assert told["message"].rpartition(": ")[0].endswith("cannot be written")
            kill(watch)
        filler.unlink()
        with project.watch() as watch:
            assert set(watch.outcomes()) >= {f"tests/test_part{number}.py::test_even" for number in (1, 2, 3)}
        assert remembered(project) == truth(project)


def test_a_disk_that_is_full_from_the_start(sample: MakeSample) -> None:
    project = sample(FILES)
    with small_disk(project.root / ".enctest"):
        filler = fill(project.root / ".enctest")
        with project.watch() as watch:
            assert set(watch.outcomes()) == set(truth(project))
            assert "Nothing of this session will be remembered" in watch.text()
        filler.unlink()
        with project.watch() as watch:
            assert set(watch.outcomes()) == set(truth(project))


def test_a_damaged_history_is_moved_aside_said_and_made_anew(sample: MakeSample) -> None:
    project = sample(FILES)
    with project.watch():
        pass
    path = project.root / ".enctest/history.db"
    data = bytearray(path.read_bytes())
    for found in re.finditer(rb"tests/test_part3.py::test_even", bytes(data)):
        data[found.end() + 10] ^= 1
    path.write_bytes(data)
    with project.watch() as watch:
        assert "moved to" in watch.text()
        assert set(watch.outcomes()) == set(truth(project))
    assert list(project.root.glob(".enctest/history.*.broken.db"))
    with project.watch() as watch:
        assert watch.outcomes() == {}
