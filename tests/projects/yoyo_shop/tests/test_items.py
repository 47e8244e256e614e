import os

import psycopg


def test_migrated_and_seeded():
    with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
        assert connection.execute("SELECT name, price FROM items").fetchall() == [("tea", 1)]
