"""The application's own database: more copies of it, its superuser, and messages that wait in it."""

import threading

import psycopg
import pytest

from enctest import et, outbox
from shop.audit import Audit, audit, noted


def entries() -> list[str]:
    with psycopg.connect(audit.url) as connection:
        return [what for (what,) in connection.execute("SELECT what FROM entry")]


def test_a_copy_of_this_test_s_own() -> None:
    Audit.note("shared with other tests")
    before = audit.url
    assert et.new_test_database(audit) == audit.url != before
    assert Audit.note("mine") == 1
    assert entries() == ["mine"]


@pytest.fixture(scope="class")
def copy_of_the_class() -> None:
    et.new_test_database(audit)


@pytest.mark.usefixtures("copy_of_the_class")
class TestTogether:
    @pytest.mark.parametrize("what", ["one", "two"])
    def test_they_have_a_copy_together(self, what: str) -> None:
        Audit.note(what)
        assert set(entries()) <= {"one", "two"}


def test_a_superuser_may_do_what_the_application_may_not() -> None:
    et.new_test_database(audit)
    Audit.note("mine")
    with psycopg.connect(audit.url) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("CREATE ROLE somebody")
    with psycopg.connect(et.superuser(audit).url) as connection:
        connection.execute("TRUNCATE entry")
        row = connection.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").fetchone()
    assert row == (True,)
    assert entries() == []


def test_a_message_waits_for_its_transaction() -> None:
    et.new_test_database(audit)
    relay = outbox.Relay(audit, [noted])
    with psycopg.connect(audit.url) as connection:
        outbox.publish(connection, noted, "rolled back")
        connection.rollback()
        outbox.publish(connection, noted, "committed")
        assert relay.run_once() == 0
    assert relay.run_once() == 1
    assert et.published_messages(noted) == ["committed"]


def test_several_relays_send_a_message_once() -> None:
    et.new_test_database(audit)
    for number in range(10):
        Audit.note(str(number))
    relays = [threading.Thread(target=outbox.Relay(audit, [noted]).run_once) for _ in range(3)]
    for relay in relays:
        relay.start()
    for relay in relays:
        relay.join()
    outbox.Relay(audit, [noted]).run_once()
    assert et.published_messages(noted) == [str(number) for number in range(10)]
