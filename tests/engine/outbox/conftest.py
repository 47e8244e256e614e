"""A database that only these tests need, declared here: a real one, with the outbox's own table."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from enctest import Database, outbox
from enctest.config import DatabaseSettings
from enctest.databases.manager import DatabaseManager
from enctest.paths import Project

store = Database("outbox-tests")


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DatabaseManager]:
    """The database, migrated, to be copied."""
    root = tmp_path_factory.mktemp("outbox")
    (root / "migrations").mkdir()
    (root / "migrations" / "1_outbox.up.sql").write_text(outbox.SCHEMA, encoding="utf-8")
    settings = DatabaseSettings(migrations="migrations", env=store.variables[0])
    project = Project(root=root, invocation=root, state=root, runtime=root)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        manager = DatabaseManager({store.name: settings}, project)
        yield manager
        manager.close()


@pytest.fixture
def database(server: DatabaseManager, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Database]:
    """A copy of it, where `store.url` points to."""
    lease = server.lease(tmp_path.name)
    for name, value in lease.env.items():
        monkeypatch.setenv(name, value)
    yield store
    server.release(lease)
