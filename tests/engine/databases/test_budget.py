"""However much one worker takes, the others find room: each meets the limit of its own database first."""

from __future__ import annotations

import contextlib

import pytest
from tests.engine.databases.conftest import Shop

from enctest.databases import budget, own
from enctest.databases.binaries import Binaries
from enctest.databases.cluster import ROLE
from enctest.databases.handout import Handout, Lent, lent
from enctest.databases.protocol import Connection, ServerError

WORKERS = 4
TOO_MANY = "53300"


def fill(one: Lent, sessions: contextlib.ExitStack) -> int:
    """Connect until the server refuses; return how often that was not."""
    for number in range(1000):
        refusal = ""
        try:
            sessions.enter_context(Connection(one.socket, database=one.database, user=ROLE))
        except ServerError as error:
            refusal = f"{error.sqlstate} {error}"
        if refusal:
            assert refusal.startswith(TOO_MANY)
            assert "too many connections for database" in refusal
            return number
    raise AssertionError("there is no limit")


def test_workers_that_take_all_they_can(
    shop: Shop, any_server: Binaries, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(budget, "of_server", lambda: 80)
    monkeypatch.setattr(budget, "_OURS", 20)
    monkeypatch.setenv("PYTEST_XDIST_WORKER_COUNT", str(WORKERS))
    with contextlib.ExitStack() as sessions:
        manager = shop.manager(any_server)
        lease = manager.lease("run")
        databases = lent(lease.env["ENCTEST_DATABASES"])
        workers = [own.make(databases, f"gw{number}")[0] for number in range(WORKERS)]
        assert [fill(one, sessions) for one in workers] == [7] * WORKERS
        handout = Handout(workers[0])
        try:
            handout.give("test", "the first")
            assert fill(workers[0], sessions) == 0  # they came along
        finally:
            handout.close()


@pytest.mark.parametrize(
    ("server", "databases", "limit"), [(800, 1, 100), (800, 5, 100), (800, 10, 35), (800, 100, 5), (50, 3, 5)]
)
def test_what_a_database_may_have(server: int, databases: int, limit: int) -> None:
    assert budget.of_database(server, databases) == limit


def test_workers_on_all_cores_have_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    for cores in (1, 2, 8, 64):
        monkeypatch.setattr("os.cpu_count", lambda cores=cores: cores)
        assert cores * (budget.of_database(budget.of_server(), cores) + 1) <= budget.of_server()
