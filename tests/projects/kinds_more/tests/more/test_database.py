import os

import psycopg
import pytest


pytestmark = pytest.mark.skipif("DATABASE_URL" not in os.environ, reason="plain pytest has no database")


@pytest.fixture(scope="module")
def database():
    with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
        yield connection


def test_seed(database):
    assert database.execute("select state from offer where name = 'pear'").fetchone() == ("open",)


def test_default(database):
    database.execute("insert into offer (name) values ('plum')")
    assert database.execute("select state from offer where name = 'plum'").fetchone() == ("draft",)
