"""Projects that are run with a recorder, edited, and asked about."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import textwrap
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from enctest.dependencies import DependencyRecord
from enctest.events import Notice
from enctest.selection.index import DependencyIndex
from enctest.selection.rows import Affection, FileRow, TestRow
from enctest.selection.scan import FileStamp, scan
from enctest.wire import Unpacker

_DRIVER = Path(__file__).with_name("recorded_pytest.py")
_KINDS = Path(__file__).parents[2] / "projects" / "kinds"
_QUIET = ("-q", "-p", "no:cacheprovider")


class Lab:
    """A project, what is known of it, and ways to change it."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "project"
        self.root.mkdir(parents=True)
        self.state = folder / "state"
        self.index = DependencyIndex()
        self.stamps: dict[str, FileStamp] = {}
        self.notices: list[str] = []
        self.output = ""
        self._runs = 0

    def write(self, path: str, text: str) -> None:
        """Write a file, dedented, making its folders."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(text), encoding="utf-8")

    def replace(self, path: str, old: str, new: str) -> None:
        """Edit a file; the old text must be there."""
        text = (self.root / path).read_text(encoding="utf-8")
        assert old in text
        (self.root / path).write_text(text.replace(old, new), encoding="utf-8")

    def record(
        self, *args: str, code: int = 0, bytecode: bool = False, without_rewriter: bool = False
    ) -> None:
        """Run pytest with a recorder and feed what it tells; then take all files as known."""
        self._runs += 1
        out = self.state.parent / f"records{self._runs}"
        command = [sys.executable, str(_DRIVER), self.root, self.state, out, str(self._runs), *_QUIET, *args]
        env = _environment()
        if bytecode:
            del env["PYTHONDONTWRITEBYTECODE"]
        if without_rewriter:
            env["WITHOUT_REWRITER"] = "1"
        done = subprocess.run(
            list(map(str, command)),
            cwd=self.root,
            env=env,
            capture_output=True,
            text=True,
            check=False,
        )
        self.output = done.stdout + done.stderr
        assert done.returncode == code, self.output
        for record in Unpacker[DependencyRecord | Notice](DependencyRecord | Notice).feed(out.read_bytes()):
            if isinstance(record, Notice):
                self.notices.append(record.message)
            else:
                self.index.feed(record)
        self.take()

    def plain(self, *args: str) -> str:
        """Return what plain pytest prints."""
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *_QUIET, *args],
            cwd=self.root,
            env=_environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout + done.stderr

    def take(self) -> None:
        """Take all files as they are now as known."""
        found = scan(self.root, self.stamps)
        self.stamps = found.stamps
        for path, print_ in found.changes.items():
            self.index.remember(path, print_)

    def ask(self) -> Affection:
        """Return what is affected by all that changed since."""
        return self.index.affected(scan(self.root, self.stamps).changes)

    def outcomes(self) -> dict[str, str]:
        """Run plain pytest; return the outcome of each test, by node id (files that fail: by path)."""
        report = self.state.parent / "report.xml"
        subprocess.run(
            [
                sys.executable,
                "-m",
                "pytest",
                *_QUIET,
                "--continue-on-collection-errors",
                f"--junitxml={report}",
            ],
            cwd=self.root,
            env=_environment(),
            capture_output=True,
            check=False,
        )
        return {
            _node_id(case.get("classname", ""), case.get("name", "")): _outcome(case)
            for case in ET.parse(report).iter("testcase")  # noqa: S314 - pytest wrote it
        }


def _node_id(classname: str, name: str) -> str:
    parts = (classname or name).split(".")
    classes = [part for part in parts if part.startswith("Test")]
    path = "/".join(parts[: len(parts) - len(classes)]) + ".py"
    return "::".join([path, *classes, name]) if classname else path


def _outcome(case: ET.Element) -> str:
    return next((child.tag for child in case if child.tag in {"failure", "error", "skipped"}), "passed")


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "COV_"))}
    alone = {"ENCTEST_TEST": ""}  # not part of the test that starts it
    return {**kept, **alone, "PYTHONDONTWRITEBYTECODE": "1", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    """An empty project."""
    return Lab(tmp_path)


@pytest.fixture(scope="session")
def kinds_baseline(tmp_path_factory: pytest.TempPathFactory) -> tuple[Lab, dict[str, str]]:
    """The project in tests/projects/kinds, recorded once, and its plain outcomes."""
    original = Lab(tmp_path_factory.mktemp("kinds"))
    shutil.copytree(_KINDS, original.root, dirs_exist_ok=True)
    original.record()
    return original, original.outcomes()


@pytest.fixture
def kinds(tmp_path: Path, kinds_baseline: tuple[Lab, dict[str, str]]) -> Lab:
    """A copy of the recorded project, its index restored from stored rows."""
    original, _ = kinds_baseline
    copy = Lab(tmp_path)
    shutil.copytree(original.root, copy.root, dirs_exist_ok=True)
    rows = msgspec.msgpack.encode(
        ([file.row() for file in original.index.files.values()], list(original.index.tests.values()))
    )
    files, tests = msgspec.msgpack.decode(rows, type=tuple[list[FileRow], list[TestRow]])
    copy.index.restore(files, tests)
    copy.take()
    return copy


@pytest.fixture
def differing(kinds: Lab, kinds_baseline: tuple[Lab, dict[str, str]]) -> Callable[[], set[str]]:
    """A function that returns the tests whose outcome in a plain run is no longer that of the baseline."""

    def compare() -> set[str]:
        before, after = kinds_baseline[1], kinds.outcomes()
        return {test for test in {**before, **after} if before.get(test) != after.get(test)}

    return compare
