import pytest
from catalog.models import Item
from django.db import connection


@pytest.fixture(scope="session")
def django_db_setup():
    """The database is there already, migrated and seeded."""


@pytest.mark.django_db
def test_the_seed_is_there():
    assert list(Item.objects.values_list("name", "price")) == [("tea", 3)]


@pytest.mark.django_db
def test_an_item_is_added():
    Item.objects.create(pk=2, name="milk")
    assert Item.objects.count() == 2
    assert connection.settings_dict["NAME"].startswith("shop")
