from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from enctest.databases import account
from enctest.databases.account import Account, reaches, server_account, within_reach
from enctest.databases.binaries import Binaries
from enctest.databases.cluster import Cluster

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
STRANGER = Account(64123, 64123)


def test_only_root_needs_another_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert server_account() is None

    monkeypatch.setattr(os, "geteuid", lambda: 0)
    other = server_account()
    assert other is not None
    assert other.uid != 0


@pytest.mark.parametrize(("mode", "reached"), [(0o755, True), (0o711, True), (0o700, False), (0o754, False)])
def test_every_folder_above_has_to_let_a_user_through(open_folder: Path, mode: int, reached: bool) -> None:
    program = open_folder / "private" / "program"
    program.parent.mkdir()
    program.touch(mode=0o755)
    program.chmod(0o755)
    program.parent.chmod(mode)

    assert reaches(STRANGER, program) is reached


def test_programs_within_reach_stay_where_they_are(server: Binaries) -> None:
    assert within_reach(server, None) is server


@root_only
def test_programs_out_of_reach_are_copied_once_and_run(
    any_server: Binaries, open_folder: Path, monkeypatch: pytest.MonkeyPatch, join: Callable[..., Cluster]
) -> None:
    monkeypatch.setattr(account, "_CACHES", (open_folder,))
    private = open_folder / "home"
    private.mkdir(mode=0o700)
    package = any_server.bin.parents[1]
    for folder in (package, package.with_name(package.name + ".libs")):
        shutil.copytree(folder, private / folder.name, symlinks=True)
    hidden = Binaries(private / package.name / "pginstall" / "bin", any_server.version, "setting")

    cluster = join(hidden)

    assert cluster.binaries.bin.is_relative_to(open_folder / "enctest-0")
    with cluster.connect() as connection:
        assert connection.value("select 1") == "1"
    assert private.stat().st_mode & 0o777 == 0o700
    made = cluster.binaries.bin.stat().st_mtime_ns
    again = within_reach(hidden, server_account())
    assert (again.bin, again.bin.stat().st_mtime_ns) == (cluster.binaries.bin, made)
    assert [entry.name for entry in (open_folder / "enctest-0").iterdir()] == [again.bin.parents[2].name]


@root_only
def test_a_folder_somebody_else_laid_out_is_not_trusted(
    open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, home = (open_folder / name for name in ("first", "second", "home"))
    for folder in (first, second, home):
        folder.mkdir()
        folder.chmod(0o755)
    home.chmod(0o700)
    (first / "enctest-0").symlink_to(home)
    monkeypatch.setattr(account, "_CACHES", (first, second))

    assert account._shared_cache(STRANGER) == second / "enctest-0"
    assert home.stat().st_mode & 0o777 == 0o700
