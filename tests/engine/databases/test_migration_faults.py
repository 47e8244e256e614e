"""What befalls migrations: processes that differ or die in their midst, a server of the wrong version."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from enctest.config import DatabaseSettings
from enctest.databases.binaries import Binaries

if TYPE_CHECKING:
    from tests.engine.databases.conftest import Look, Shop

RunPython = Callable[..., subprocess.Popen[str]]

# Says its URL and stays until its input ends.
RUN = """
import json, sys
from pathlib import Path
from enctest.config import DatabaseSettings
from enctest.databases.manager import DatabaseManager
from enctest.paths import Project

root, settings = Path(sys.argv[1]), DatabaseSettings(**json.loads(sys.argv[2]))
project = Project(root=root, invocation=root, state=root, runtime=root)
manager = DatabaseManager({"shop": settings}, project)
print(json.dumps(manager.lease("run").urls["shop"]), flush=True)
sys.stdin.read()
manager.close()
"""
COMMAND = """
import os, time, psycopg
from pathlib import Path

with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
    connection.execute("create table made (a int)")
Path("pid").write_text(str(os.getpid()))
while Path("hang").exists():
    time.sleep(0.01)
"""


def _start(
    run_python: RunPython, shop: Shop, server: Binaries, migrations: str | list[str]
) -> subprocess.Popen[str]:
    return run_python(RUN, shop.root, json.dumps({"bin": str(server.bin), "migrations": migrations}))


def _url(child: subprocess.Popen[str]) -> str:
    assert child.stdout
    url: str = json.loads(child.stdout.readline())
    return url


def _ask(url: str, sql: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url, autocommit=True) as connection:
        return connection.execute(sql.encode()).fetchall()


def _folder(url: str) -> Path:
    return Path(url.partition("host=")[2].partition("/s&")[0])


def test_processes_with_different_migrations_have_each_what_they_read(
    shop: Shop, any_server: Binaries, run_python: RunPython, look: Look
) -> None:
    """Each takes what another state of the files would have it migrate, at the same time."""
    slow = "create table which as select '{}' as a, current_database() as d from pg_sleep(0.2);"
    for text in ("before", "after"):
        (shop.root / text).mkdir()
        (shop.root / text / "1.sql").write_text(slow.format(text), encoding="utf-8")

    children = [_start(run_python, shop, any_server, text) for text in ("before", "after", "before")]

    urls = [_url(child) for child in children]

    assert [_ask(url, "select a from which")[0][0] for url in urls] == ["before", "after", "before"]
    assert {_ask(url, "select current_database()")[0][0] for url in urls} == {
        "shop",
        "shop_run2",
        "shop_run3",
    }
    templates = "select count(*) from pg_database where datname ~ '^template_shop_'"
    assert _ask(urls[0], templates) == [(2,)]
    for child in children:
        child.communicate("")
    assert look.eventually(lambda: look.nothing_left(_folder(urls[0])))


@pytest.mark.parametrize("survivor", [True, False])
def test_a_process_killed_in_a_migration_leaves_nothing_of_it(
    shop: Shop, any_server: Binaries, run_python: RunPython, look: Look, survivor: bool
) -> None:
    (shop.root / "migrate.py").write_text(COMMAND, encoding="utf-8")
    (shop.root / "hang").touch()
    command = ["python", "migrate.py"]
    other = shop.manager(other=DatabaseSettings(bin=str(any_server.bin)))
    url = other.lease("run").urls["other"] if survivor else ""
    child = _start(run_python, shop, any_server, command)
    path = shop.root / "pid"
    assert look.eventually(lambda: path.exists() and path.read_text(encoding="utf-8"))
    pid = path.read_text(encoding="utf-8")

    child.kill()
    child.wait()

    assert look.eventually(lambda: not _runs(pid))
    if survivor:  # the half-made database is not taken for a template, nor in the way of one
        assert _ask(url, "select count(*) from pg_database where datname ~ '^template_shop_'") == [(0,)]
    (shop.root / "hang").unlink()
    again = _start(run_python, shop, any_server, command)
    second = _url(again)
    assert _ask(second, "select current_database(), count(*) from made") == [("shop", 0)]
    again.communicate("")
    other.close()
    assert look.eventually(lambda: look.nothing_left(_folder(second)))


def test_a_server_of_another_version_on_path_is_passed_over(
    shop: Shop, any_server: Binaries, monkeypatch: pytest.MonkeyPatch
) -> None:
    tools = shop.root / "tools"
    tools.mkdir()
    for name in ("postgres", "initdb"):
        program = tools / name
        program.write_text(
            f"#!/bin/sh\ntouch {tools}/ran\necho '{name} (PostgreSQL) 9.6.24'\n", encoding="utf-8"
        )
        program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tools), prepend=os.pathsep)
    manager = shop.manager(
        shop=DatabaseSettings(version=str(any_server.major), migrations="migrations"),
        any=DatabaseSettings(env="ANY_URL"),
    )

    lease = manager.lease("run")

    assert (tools / "ran").exists()
    assert _ask(lease.urls["shop"], "show server_version_num")[0][0][:2] == str(any_server.major)
    assert _ask(lease.urls["any"], "select 1") == [(1,)]


def _runs(pid: str) -> bool:
    try:
        state = Path("/proc", pid, "stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"
