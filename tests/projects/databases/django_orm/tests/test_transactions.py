import pytest
from bank.models import Account, pay_in
from django.db import connection, transaction
from django.test import TestCase


@pytest.mark.parametrize("attempt", range(8))
def test_a_rollback(attempt):
    with pytest.raises(RuntimeError), transaction.atomic():
        pay_in("ada", 1)
        raise RuntimeError
    assert Account.objects.count() == 1
    pay_in("eve", 1)


@pytest.mark.parametrize("attempt", range(2))
def test_the_time_zone_is_djangos(attempt):
    with connection.cursor() as cursor:
        cursor.execute("show time zone")
        assert cursor.fetchone() == ("UTC",)


class TestOfOneClass(TestCase):
    @classmethod
    def setUpTestData(cls):
        pay_in("ada", 3)

    def test_one(self):
        assert pay_in("ada", 1) == 4

    def test_two(self):
        assert pay_in("ada", 2) == 5
