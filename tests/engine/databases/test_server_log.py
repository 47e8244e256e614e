"""What a server says, read while it grows."""

from __future__ import annotations

from pathlib import Path

import pytest

from enctest.databases import server_log
from enctest.databases.server_log import LogReader, entries

ERROR = (
    '1700000000.250|71|23505|shop|ERROR:  duplicate key value violates unique constraint "item_name_key"\n'
    "1700000000.250|71|23505|shop|DETAIL:  Key (name)=(tea) already exists.\n"
    "1700000000.250|71|23505|shop|STATEMENT:  INSERT INTO item (name)\n\tVALUES ('tea')\n"
)
SLOW = "1700000001.000|72|00000|a|b|LOG:  duration: 250.1 ms  statement: SELECT pg_sleep(0.25)\n"


def test_an_error_with_all_that_belongs_to_it() -> None:
    (entry,) = entries(ERROR)
    assert (entry.at, entry.pid, entry.sqlstate, entry.database) == (1700000000.25, 71, "23505", "shop")
    assert entry.severity == "ERROR"
    assert entry.message == 'duplicate key value violates unique constraint "item_name_key"'
    assert entry.details == {
        "DETAIL": "Key (name)=(tea) already exists.",
        "STATEMENT": "INSERT INTO item (name)\nVALUES ('tea')",
    }


def test_a_message_of_several_lines() -> None:
    (entry,) = entries("1700000000.1|71|P0001|shop|ERROR:  first\n\tERROR:  second\n\t\n\tthird\n")
    assert entry.message == "first\nERROR:  second\n\nthird"


def test_names_with_the_separator_in_them() -> None:
    assert [entry.database for entry in entries(SLOW)] == ["a|b"]


@pytest.mark.parametrize(
    "line",
    [
        "FATAL:  postgres cannot be run\n",
        "x|71|00000|shop|LOG:  no time\n",
        "a|b|c|d|ERROR: one space\n",
        "\tmore\n",
    ],
)
def test_lines_of_no_server_process(line: str) -> None:
    assert [entry.sqlstate for entry in entries(line + ERROR + line)] == ["23505"]


def test_only_what_is_new(tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    log.write_text(ERROR)
    reader = LogReader(log)
    assert reader.read() == []
    with log.open("a") as file:
        file.write(SLOW + ERROR[:40])
        file.flush()
        assert [entry.pid for entry in reader.read()] == [72]
        file.write(ERROR[40:])
    assert [entry.details["DETAIL"] for entry in reader.read()] == ["Key (name)=(tea) already exists."]
    assert reader.read() == []
    with log.open("a") as file:
        file.write(ERROR)
    reader.skip()
    assert reader.read() == []


def test_a_log_that_comes_and_goes(tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    reader = LogReader(log)
    log.write_text(ERROR + SLOW)
    assert len(reader.read()) == 2
    log.write_text(SLOW)
    assert [entry.pid for entry in reader.read()] == [72]
    log.unlink()
    assert reader.read() == []


def test_a_long_log_is_begun_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_log, "LIMIT", 1000)
    log = tmp_path / "server.log"
    reader, slower = LogReader(log), LogReader(log)
    with log.open("ab", buffering=0) as server:
        server.write(SLOW.encode() * 20)
        assert len(reader.read()) == 20
        assert log.stat().st_size == 0
        server.write(ERROR.encode())
    assert [entry.pid for entry in reader.read()] == [71]
    assert [entry.pid for entry in slower.read()] == [71]
