"""Processes that a test starts are in it: settings, doubles, its copy of a database, what they do."""

import multiprocessing
import os
import subprocess
import sys

import psycopg

from enctest import et
from shop import audit, orders
from shop.audit import Audit
from shop.payments import Payments

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def run(code: str, **environment: str) -> str:
    found = os.environ | {"PYTHONPATH": ROOT} | environment
    return subprocess.run([sys.executable, "-c", code], env=found, capture_output=True, text=True).stdout.strip()


def free(customer: str, cents: int, card: str) -> str:
    return "for free"


CHARGE = "from shop.payments import Payments; print(Payments.charge('alice', 1, '4000'))"


def test_settings_and_doubles_go_along() -> None:
    et.set_config(orders.most_pieces, 3)
    et.mock_endpoint(Payments.charge, free)
    assert run("from shop.orders import most_pieces; print(most_pieces())") == "3"
    assert run(CHARGE) == "for free"
    assert et.spans().named("Payments.charge").having("enctest.mocked", True).count == 1


def test_it_can_be_kept_out_of_the_test() -> None:
    et.set_config(orders.most_pieces, 3)
    code = "from shop.orders import most_pieces; print(most_pieces())"
    assert run(code, ENCTEST_TEST="", MOST_PIECES="7") == "7"


def test_it_has_the_same_database() -> None:
    note = "from shop.audit import Audit; print(Audit.note('there'))"
    before = Audit.note("here")
    assert run(note) == str(before + 1)
    et.new_test_database(audit.audit)
    assert run(note) == "1"
    assert et.published_messages(audit.noted) == []


def note() -> None:
    Audit.note("there")


def test_so_has_one_of_multiprocessing() -> None:
    before = Audit.note("here")
    process = multiprocessing.get_context("spawn").Process(target=note)
    process.start()
    process.join()
    with psycopg.connect(audit.audit.url) as connection:
        assert connection.execute("SELECT count(*) FROM entry").fetchone() == (before + 1,)
