"""A project on MariaDB, each test with a database of its own beneath a pool that is made at import."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.e2e.conftest import MakeSample
from tests.harness import processes_of, wait_until

from enctest.databases.mariadb_server import installations

FILES = {
    "pyproject.toml": """
        [tool.pytest.ini_options]
        [tool.enctest.databases.shop]
        engine = "mariadb"
        scheme = "mysql+pymysql"
        migrations = "migrations"
        isolation = "test"
        """,
    "migrations/1_items.up.sql": """
        CREATE TABLE item (id INT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(50) UNIQUE);
        INSERT INTO item (name) VALUES ('tea');
        """,
    "app.py": """
        import os
        import sqlalchemy

        INSERT = sqlalchemy.text("INSERT INTO item (name) VALUES (:n)")
        ENGINE = sqlalchemy.create_engine(os.environ["DATABASE_URL"])

        def add(name):
            with ENGINE.begin() as connection:
                return connection.execute(INSERT, {"n": name}).lastrowid
        """,
    "test_items.py": """
        import app
        import pytest

        @pytest.mark.parametrize("attempt", range(5))
        def test_add(attempt):
            assert app.add("milk") == 2

        def test_transaction():
            connection = app.ENGINE.connect()
            connection.exec_driver_sql("DELETE FROM item")
            print("socket", app.os.environ["DATABASE_URL"])
        """,
}


def test_each_test_has_its_own(sample: MakeSample) -> None:
    if not list(installations(Path(), "")):
        pytest.skip("this machine has no MariaDB; the packages mariadb-server and mariadb-client bring it")
    project = sample(FILES)
    done = project.enctest("-s")
    assert done.returncode == 0, done.stdout + done.stderr
    folder = Path(done.stdout.partition("?unix_socket=")[2].split()[0].replace("%2F", "/")).parent
    assert folder.name.startswith("enctest-")
    wait_until("the server is gone", lambda: not processes_of(folder) and not folder.exists())
    with project.watch("-n", "2") as watch:
        assert set(watch.outcomes().values()) == {"passed"}
        watch.mark()
        project.write("migrations/2_more.up.sql", "ALTER TABLE item ADD COLUMN price INT;\n")
        watch.wait_for("test_finished", outcome="passed")
        watch.idle()
        assert len(watch.outcomes()) == 6
        assert set(watch.outcomes().values()) == {"passed"}
