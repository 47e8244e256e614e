import os

import pytest
from bank import engine
from sqlalchemy import text


@pytest.mark.parametrize("attempt", range(8))
def test_every_connection_of_the_pool(attempt):
    connections = [engine.connect() for _ in range(3)]
    for number, connection in enumerate(connections):
        assert connection.scalar(text("select count(*) from account")) == number + 1
        connection.execute(text("insert into account (owner) values (:owner)"), {"owner": f"{number}"})
        connection.commit()
    for connection in connections:
        connection.close()


@pytest.mark.parametrize("attempt", range(4))
def test_the_name_is_that_of_the_url(attempt):
    with engine.connect() as connection:
        name = connection.scalar(text("select current_database()"))
    assert f"/{name}?" in os.environ["DATABASE_URL"]
