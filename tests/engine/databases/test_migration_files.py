from __future__ import annotations

import random
from pathlib import Path

import pytest

from enctest.databases.migrations import find, read
from enctest.errors import EnctestError


def _folder(tmp_path: Path, names: list[str]) -> Path:
    for name in random.sample(names, len(names)):
        (tmp_path / name).write_text(f"select '{name}';", encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("ordered", "ignored"),
    [
        (["1_a.up.sql", "2_b.up.sql", "10_c.up.sql"], ["1_a.down.sql", "README.md", "seed.sql"]),
        (["1.up.sql", "02_b.up.sql"], []),
        (["V1__a.sql", "V1.1__b.sql", "V2__c.sql", "V10__d.sql", "R__views.sql"], ["U2__c.sql"]),
        (["20240101000000_a.sql", "20240201000000_b.sql"], []),
        (["2_b.sql", "10_c.sql"], ["10_c.down.sql"]),
        (["a.sql", "b.sql"], ["c.txt"]),
    ],
)
def test_the_order_follows_the_naming(tmp_path: Path, ordered: list[str], ignored: list[str]) -> None:
    folder = _folder(tmp_path, ordered + ignored)

    assert [path.name for path in find(folder)] == ordered


def test_one_file_is_fine_too(tmp_path: Path) -> None:
    file = _folder(tmp_path, ["schema.sql"]) / "schema.sql"

    assert find(file) == (file,)


@pytest.mark.parametrize("names", [["1_a.up.sql", "01_b.up.sql"], ["V1__a.sql", "V1__b.sql"]])
def test_a_number_given_twice_is_an_error(tmp_path: Path, names: list[str]) -> None:
    with pytest.raises(EnctestError, match="two migrations have the number 1: "):
        find(_folder(tmp_path, names))


def test_a_folder_without_sql_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(EnctestError, match="holds no SQL files"):
        find(_folder(tmp_path, ["env.py"]))


def test_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(EnctestError, match="nowhere cannot be read: No such file"):
        find(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("up", "down"),
    [
        ("-- migrate:up", "-- migrate:down"),
        ("-- migrate:up transaction:false", "--migrate:down"),
        ("-- +goose Up", "-- +goose Down"),
        ("-- +migrate Up", "-- +migrate Down"),
    ],
)
def test_only_the_up_section_is_run_and_keeps_its_lines(tmp_path: Path, up: str, down: str) -> None:
    file = tmp_path / "1_a.sql"
    file.write_text(f"-- a comment\n\n{up}\ncreate x;\n{down}\ndrop x;\n{up}\ncreate y;\n", encoding="utf-8")

    (migration,) = read([file])

    assert migration.sql.splitlines() == ["", "", up, "create x;", "", "", up, "create y;"]


def test_a_byte_order_mark_is_no_part_of_the_sql(tmp_path: Path) -> None:
    file = tmp_path / "1.sql"
    file.write_bytes(b"\xef\xbb\xbfselect 1")

    assert read([file])[0].sql == "select 1"


@pytest.mark.parametrize("data", [b"select '\xff'", "select 1".encode("utf-16-le")])
def test_what_is_not_utf8_is_an_error(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "1.sql"
    file.write_bytes(data)

    with pytest.raises(EnctestError, match=r"1\.sql (is not UTF-8|holds a zero byte)"):
        read([file])
