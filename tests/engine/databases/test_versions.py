"""What programs have said is remembered, as long as they are the same."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from enctest.databases import versions
from enctest.databases.binaries import Binaries
from enctest.paths import cache_folder


@pytest.fixture
def program(tmp_path: Path, any_server: Binaries, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PostgreSQL of which nothing is known yet."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return Path(shutil.copy2(any_server.bin / "postgres", tmp_path))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The programs that were asked."""
    programs: list[str] = []
    output = versions.output

    def counted(command: list[str]) -> str:
        programs.append(command[0])
        return output(command)

    monkeypatch.setattr(versions, "output", counted)
    return programs


def test_a_program_is_asked_once(program: Path, any_server: Binaries, asked: list[str]) -> None:
    assert [versions.version(program) for _ in range(2)] == [any_server.version] * 2
    assert asked == [str(program)]


def test_another_one_in_its_place_is_asked(program: Path, any_server: Binaries, asked: list[str]) -> None:
    versions.version(program)
    os.utime(program, (1, 1))

    assert versions.version(program) == any_server.version
    assert len(asked) == 2


def test_a_script_may_choose_anew_each_time(tmp_path: Path, asked: list[str]) -> None:
    script = tmp_path / "postgres"
    script.write_text(f"#!/bin/sh\ncat {tmp_path}/chosen\n", encoding="utf-8")
    script.chmod(0o755)
    for chosen in ("15.1", "16.2"):
        (tmp_path / "chosen").write_text(f"postgres (PostgreSQL) {chosen}", encoding="utf-8")
        assert versions.version(script) == chosen
    assert len(asked) == 2


@pytest.mark.parametrize("content", [b"", b"[]", b'{"a": 1}', b"\xff"])
def test_a_damaged_memory_is_as_good_as_none(
    program: Path, any_server: Binaries, content: bytes, asked: list[str]
) -> None:
    versions.version(program)
    cache_folder().joinpath("programs.json").write_bytes(content)

    assert [versions.version(program) for _ in range(2)] == [any_server.version] * 2
    assert len(asked) == 2


def test_a_program_that_does_not_run_is_asked_again(tmp_path: Path, asked: list[str]) -> None:
    broken = tmp_path / "postgres"
    broken.write_bytes(b"\x7fELF")
    broken.chmod(0o755)
    assert [versions.version(broken) for _ in range(2)] == ["", ""]
    assert len(asked) == 2
