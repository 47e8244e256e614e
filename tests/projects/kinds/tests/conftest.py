import sqlite3
from pathlib import Path

import pytest

from shop.cart import helper

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def shared():
    return helper()


@pytest.fixture(scope="session")
def database():
    connection = sqlite3.connect(":memory:")
    connection.execute((ROOT / "data" / "001.sql").read_text())
    connection.execute("insert into item default values")
    yield connection
    connection.close()


@pytest.fixture
def fresh():
    return "fresh"


@pytest.fixture(scope="module")
def outer(request):
    return request.getfixturevalue("shared")
