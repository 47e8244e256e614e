"""A connection that exists before any test runs."""

import pytest
from django.db import connections
from settings import DATABASES

OPEN = connections.create_connection("default").get_new_connection(
    connections["default"].get_connection_params()
)
OPEN.autocommit = True


@pytest.mark.parametrize("attempt", range(6))
def test_it_sees_what_this_test_did(attempt):
    assert OPEN.info.dbname == DATABASES["default"]["NAME"]
    assert OPEN.execute("insert into account (owner) values ('ada') returning id").fetchone() == (2,)
