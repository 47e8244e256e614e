import pytest


@pytest.fixture(scope="session")
def django_db_setup():
    """The database is there and migrated."""


@pytest.fixture(autouse=True)
def real_database(django_db_blocker):
    """Nothing is rolled back or flushed."""
    with django_db_blocker.unblock():
        yield
