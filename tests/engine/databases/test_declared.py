"""Databases that test code declares."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from enctest.config import DatabaseSettings
from enctest.databases import declared
from enctest.databases.binaries import Binaries
from enctest.databases.declared import Held
from enctest.errors import EnctestError
from enctest.paths import Project

if TYPE_CHECKING:
    from tests.engine.databases.conftest import Look, Shop

CHILD = """
import sys
from pathlib import Path
from enctest.config import DatabaseSettings
from enctest.databases import declared
from enctest.paths import Project

root = Path(sys.argv[1])
project = Project(root=root, invocation=root, state=root, runtime=root)
print(declared.url("audit", DatabaseSettings(bin=sys.argv[2], migrations="migrations"), project), flush=True)
sys.stdin.read()
"""


def _query(url: str, sql: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(sql.encode())
        return cursor.fetchall() if cursor.description else []


def _folder(url: str) -> Path:
    return Path(url.partition("host=")[2].partition("/s&")[0])


@pytest.fixture
def project(shop: Shop) -> Iterator[Project]:
    """The project `shop`; what this process has is given back at the end."""
    yield Project(root=shop.root, invocation=shop.root, state=shop.root, runtime=shop.root)
    declared.close()


@pytest.fixture
def settings(any_server: Binaries) -> DatabaseSettings:
    """A database with the migrations of `shop`."""
    return DatabaseSettings(bin=str(any_server.bin), migrations="migrations")


def test_a_process_has_one_copy_and_more_on_request(project: Project, settings: DatabaseSettings) -> None:
    url = declared.url("audit", settings, project)

    _query(url, "insert into items (name) values ('tea')")

    assert declared.url("audit", settings, project) == url
    assert _query(url, "select current_database(), count(*) from items") == [("audit", 1)]
    other = declared.lease("audit", settings, project)
    assert _query(other.urls["audit"], "select current_database(), count(*) from items") == [
        ("audit_run2", 0)
    ]
    declared.release(other)


def test_two_processes_have_two_copies(
    project: Project, settings: DatabaseSettings, run_python: Callable[..., Any], look: Look
) -> None:
    ours = declared.url("audit", settings, project)
    child = run_python(CHILD, project.root, settings.bin)
    theirs = child.stdout.readline().strip()

    assert {_query(url, "select current_database()")[0][0] for url in (ours, theirs)} == {
        "audit",
        "audit_run2",
    }
    child.kill()
    declared.close()
    assert look.eventually(lambda: look.nothing_left(_folder(ours)))


def test_a_fork_has_a_copy_of_its_own(project: Project, settings: DatabaseSettings) -> None:
    url = declared.url("audit", settings, project)
    reader, writer = os.pipe()

    if (pid := os.fork()) == 0:
        try:
            os.write(writer, declared.url("audit", settings, project).encode())
        finally:
            os._exit(0)
    os.close(writer)
    theirs = os.read(reader, 1000).decode()
    os.close(reader)
    os.waitpid(pid, 0)

    assert theirs
    assert theirs != url
    assert _query(url, "select current_database()") == [("audit",)]


def test_what_was_declared_is_held_for_the_next_process(
    project: Project, settings: DatabaseSettings, shop: Shop, run_python: Callable[..., Any], look: Look
) -> None:
    shop.write("2_clock.up.sql", "create table clock as select clock_timestamp()::text as t;")
    held = Held(project)

    def times() -> list[tuple[Any, ...]]:
        child = run_python(CHILD, project.root, settings.bin)
        url = child.stdout.readline().strip()
        found = _query(url, "select t from clock")
        held.look()
        child.communicate("")
        return [(_folder(url), *found[0])]

    first = times()
    assert times() == first

    held.close()
    assert look.eventually(lambda: look.nothing_left(first[0][0]))
    Held(project)
    assert not list((project.runtime / "declared").glob("*.json"))


def test_nothing_is_started_by_a_declaration_that_fails(project: Project, settings: DatabaseSettings) -> None:
    with pytest.raises(EnctestError, match="nowhere cannot be read"):
        declared.url("audit", DatabaseSettings(bin=settings.bin, migrations="nowhere"), project)
    Held(project).look()
