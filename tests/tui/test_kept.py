"""What a failed test has left in its databases, and the tables that are shown where there is no psql."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from tests.tui.looking import at_rest, shows, told, until
from tests.tui.stage import FakeFeed, make_app, nothing_kept
from tests.tui.test_screens import PRICED, RESULT, SAVED, run_of, shop_feed, stage
from textual.pilot import Pilot

from enctest.databases import kept
from enctest.databases.changes import TableChange
from enctest.databases.kept import Kept, Table
from enctest.errors import EnctestError
from enctest_tui.app import EnctestApp

PlayFixture = Callable[..., None]
Screenshot = Callable[[EnctestApp, str], None]
CHANGES = (
    TableChange("public.order_lines", 10, 0, 0),
    TableChange("public.orders", 1, 2, 0),
    TableChange("stock.level", 0, 1, 3),
)
URL = "postgresql://enctest@/enctest_copy_of_16401?host=/dev/shm/enctest-1000-2f8b8a355362/s&port=5432"
ORDERS = Table(
    "public.orders",
    ("id", "customer", "placed", "note"),
    (
        ("1", "Ada Lovelace", "2026-03-01 09:30:00+00", None),
        ("2", "Grace Hopper", "2026-03-02 11:00:00+00", "leave it\nat the door"),
    ),
    is_whole=False,
)


async def left(_root: Path, test: str) -> Sequence[Kept]:
    """Find a database, of any test."""
    assert test
    return (Kept("shop", URL, CHANGES),)


def feed() -> FakeFeed:
    return shop_feed(*SAVED, *run_of(PRICED), *RESULT)


def test_kept(play: PlayFixture, screenshot: Screenshot) -> None:
    """You should see where the failed test's database is, and that it added an order with ten lines."""
    app = make_app(feed(), look=left)
    stage(play, screenshot, "kept", app, ["n", "2"], "order_lines  10 added")


def test_what_is_told_of_many_tables_and_of_none(play: PlayFixture) -> None:
    many = tuple(TableChange(f"public.t{number}", 1, 0, 0) for number in range(12))
    large = TableChange("public.big", 5_000, 0, 0, is_rough=True)

    async def both(_root: Path, _test: str) -> Sequence[Kept]:
        return Kept("shop", URL, (large, *many)), Kept("log", URL, ())

    app = make_app(feed(), look=both)

    async def scene(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: shows(app, "api"))
        await pilot.press("n", "2", "tab", "g")
        await until(pilot, lambda: shows(app, "big  5000 rows more") and shows(app, "and 5 more tables"))
        assert shows(app, "log is kept as it was")
        assert shows(app, "the test has changed nothing")

    play(app, scene)


def test_no_database_is_kept(play: PlayFixture) -> None:
    looked: list[str] = []

    async def look(root: Path, test: str) -> Sequence[Kept]:
        looked.append(test)
        return await nothing_kept(root, test)

    app = make_app(feed(), look=look)

    async def scene(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: shows(app, "api"))
        await pilot.press("n", "2")
        await until(pilot, lambda: shows(app, "assert 0 == 800") and looked)
        assert not shows(app, "is kept")

    play(app, scene)


@pytest.fixture
def no_psql(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let there be databases, and no program to look at them."""
    monkeypatch.setattr(kept, "opener", lambda _root, _test: ("shop", []))
    monkeypatch.setattr(
        kept, "tables", lambda *_: {"public.orders": 8192, "public.order_lines": 8192, "stock.level": 0}
    )
    empty = ("id", "amount")
    monkeypatch.setattr(
        kept,
        "read",
        lambda _root, _name, _test, table: (
            ORDERS if "orders" in table else Table(table, empty, (), is_whole=True)
        ),
    )


@pytest.mark.usefixtures("no_psql")
def test_tables(play: PlayFixture, screenshot: Screenshot) -> None:
    """You should see three tables, and two orders, one with a note."""
    app = make_app(feed(), look=left)

    async def scene(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: shows(app, "api"))
        await pilot.press("n", "p")
        await until(pilot, lambda: shows(app, "Grace Hopper") and shows(app, "leave it at the door"))
        assert shows(app, "… and more than these 2")
        await at_rest(pilot, app)
        screenshot(app, "tables")
        await pilot.press("j")
        await until(pilot, lambda: shows(app, "id  amount") and not shows(app, "Grace Hopper"))
        await pilot.press("tab", "escape")
        await until(pilot, lambda: not shows(app, "Esc closes"))

    play(app, scene)


def test_nothing_to_open(play: PlayFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_root: Path, _test: str) -> tuple[str, list[str]]:
        raise EnctestError("database shop is not running", "It runs while a run does.")

    monkeypatch.setattr(kept, "opener", refuse)
    app = make_app(feed())

    async def scene(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: shows(app, "api"))
        await pilot.press("p")
        await until(pilot, lambda: any("database shop is not running" in each for each in told(app)))

    play(app, scene)
