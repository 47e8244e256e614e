"""The state on disk, without an explorer."""

from __future__ import annotations

import contextlib
from pathlib import Path

import msgspec
import pytest
from tests.engine.explorer.lab import PYPROJECT
from tests.harness import Sample

from enctest.explorer.offline import Offline
from enctest.paths import Project
from enctest.selection import scan
from enctest.selection.scan import FileStamp


def stamp(project: Project) -> FileStamp:
    """Fold a run in which nothing happens; return what is remembered of the module then."""
    with contextlib.closing(Offline(project, [])) as offline:
        offline.fold([])
    with contextlib.closing(Offline(project, [])) as offline:
        rows = offline.journal.history.dependencies("stamp")
        return msgspec.msgpack.decode(rows["shop.py"], type=FileStamp)


def test_a_file_that_was_read_right_after_its_change_is_read_until_its_times_can_be_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sample = Sample(tmp_path, {"pyproject.toml": PYPROJECT, "shop.py": "PRICE = 1\n"})
    monkeypatch.chdir(sample.root)
    project = Project.find()
    monkeypatch.setattr(scan, "_SETTLED_NS", 10**15)
    first, second = stamp(project), stamp(project)
    assert second.read_ns > first.read_ns
    assert second.digest == first.digest
    monkeypatch.setattr(scan, "_SETTLED_NS", 0)
    assert stamp(project) == second
