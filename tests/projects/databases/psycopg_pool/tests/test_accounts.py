from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from bank import connection, count, open_account


@pytest.mark.parametrize("attempt", range(8))
def test_the_first_account(attempt):
    assert count() == 1
    assert open_account("ada") == 2


@pytest.mark.parametrize("attempt", range(6))
def test_from_threads(attempt):
    with ThreadPoolExecutor(4) as threads:
        assert sorted(threads.map(open_account, "abcd")) == [2, 3, 4, 5]
    assert count() == 5


@pytest.mark.parametrize("attempt", range(4))
def test_a_failure_is_rolled_back(attempt):
    open_account("ada")
    with pytest.raises(psycopg.errors.UniqueViolation):
        open_account("ada")
    assert count() == 2


@pytest.mark.parametrize("attempt", range(3))
def test_prepared_statements_outlive_a_test(attempt):
    with connection() as one:
        for number in range(7):  # the sixth time it is prepared
            one.execute("insert into account (owner) values (%s)", [str(number)])
        assert one.execute("select max(id) from account").fetchone() == (8,)
