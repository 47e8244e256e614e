"""A cache of the test's own, and its time."""

from enctest import et
from shop.stock import Shelf, counts


def test_it_begins_empty() -> None:
    assert counts.get("pen") is None
    assert Shelf.count("pen") == 30
    assert counts.get("pen") == 30


def test_entries_expire_when_time_is_advanced() -> None:
    counts.set("pen", 7)
    et.advance_time(59)
    assert Shelf.count("pen") == 7
    et.advance_time(1)
    assert Shelf.count("pen") == 30
