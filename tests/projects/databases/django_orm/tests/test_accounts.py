import pytest
from bank.models import Account, Entry, pay_in
from django.db import connection


@pytest.mark.parametrize("attempt", range(8))
def test_payments(attempt):
    assert [pay_in("ada", 10), pay_in("ada", 5)] == [10, 15]
    assert Entry.objects.count() == 2
    assert Account.objects.get(owner="ada").pk == 2


@pytest.mark.parametrize("attempt", range(8))
def test_only_the_bank_is_there(attempt):
    assert list(Account.objects.values_list("owner", flat=True)) == ["the bank"]
    Account.objects.all().delete()


@pytest.mark.parametrize("attempt", range(4))
def test_a_table_less(attempt):
    with connection.cursor() as cursor:
        cursor.execute("select count(*) from entry")
        assert cursor.fetchone() == (0,)
        cursor.execute("drop table entry")
