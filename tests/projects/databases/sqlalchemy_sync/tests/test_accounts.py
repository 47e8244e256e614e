import pytest
from bank import Session, engine, entries, open_account, owners, pay_in
from sqlalchemy import text

LEFT = []


@pytest.mark.parametrize("attempt", range(8))
def test_the_first_account(attempt):
    assert owners() == ["the bank"]
    assert open_account("ada") == 2
    assert owners() == ["the bank", "ada"]


@pytest.mark.parametrize("attempt", range(8))
def test_payments(attempt):
    number = open_account("ada")
    assert [pay_in(number, 10), pay_in(number, 5)] == [10, 15]
    assert entries() == 2


@pytest.mark.parametrize("attempt", range(4))
def test_a_session_that_is_left_open(attempt):
    session = Session()
    LEFT.append(session)
    assert session.scalar(text("select count(*) from entry")) == 0
    session.execute(text("insert into entry (account, amount) values (1, 1)"))


@pytest.mark.parametrize("attempt", range(4))
def test_tables_of_its_own(attempt):
    with engine.begin() as connection:
        connection.execute(text("create table report (line text)"))
        connection.execute(text("drop table entry"))
