"""A team's own provider: found, used as the shipped ones are, and told when it fails."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from enctest.config import DatabaseSettings
from enctest.databases import providers
from enctest.errors import EnctestError

if TYPE_CHECKING:
    from tests.engine.databases.conftest import Look, Shop

OWN = '''
"""A queue that is a folder of files: everything that a provider of a team's own has to have."""

from enctest.databases.private_server import PrivateServer
from enctest.databases.providers import Copy, StaleError


class Queue:
    default_env = "QUEUE_URL"
    fields = ("url", "name")

    def __init__(self, root, databases):
        self.root, self.databases, self.servers = root, databases, {}

    def look(self, database):
        return f"a queue of {self.databases[database].options['depth']}"

    def prepare(self, database, tell):
        tell("migrating", "digging")
        return self.look(database)

    def create(self, database):
        server = PrivateServer.start(self.root, f"queue {database}")
        name = f"{database}{len(self.servers)}"
        self.servers[name] = server
        return Copy(name, {"url": f"queue://{server.folder}", "name": name})

    def renew(self, database, copy):
        if not self.servers[copy.name].is_alive():
            raise StaleError("gone")
        for file in self.servers[copy.name].folder.glob("job-*"):
            file.unlink()

    def drop(self, database, copy):
        self.servers.pop(copy.name).close()

    def close(self):
        while self.servers:
            self.servers.popitem()[1].close()
'''


@pytest.fixture(autouse=True)
def _forget_modules() -> Iterator[None]:
    yield
    for name in ("own_queue", "broken"):
        sys.modules.pop(name, None)


def _write(shop: Shop, name: str, code: str) -> None:
    (shop.root / name).write_text(textwrap.dedent(code), encoding="utf-8")


def test_a_provider_of_the_project_s_own(shop: Shop, look: Look) -> None:
    _write(shop, "own_queue.py", OWN)
    path = list(sys.path)
    settings = DatabaseSettings(engine="own_queue:Queue", options={"depth": 3})
    manager = shop.manager(jobs=settings)

    assert manager.describe().chosen == {"jobs": "a queue of 3"}
    lease = manager.lease("run")

    assert shop.states() == ["starting", "migrating", "ready"]
    folder = Path(lease.env["QUEUE_URL"].removeprefix("queue://"))
    (folder / "job-1").touch()
    assert manager.renew(lease) is lease
    assert not list(folder.glob("job-*"))
    assert sys.path == path
    manager.close()
    assert look.nothing_left(folder)


def test_an_entry_point_gives_a_provider_a_name(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = tmp_path / "site"
    (site / "acme-1.0.dist-info").mkdir(parents=True)
    (site / "acme-1.0.dist-info" / "METADATA").write_text("Name: acme\nVersion: 1.0\n", encoding="utf-8")
    (site / "acme-1.0.dist-info" / "entry_points.txt").write_text(
        f"[{providers.GROUP}]\nqueue = own_queue:Queue\n", encoding="utf-8"
    )
    (site / "own_queue.py").write_text(OWN, encoding="utf-8")
    monkeypatch.syspath_prepend(site)

    manager = shop.manager(jobs=DatabaseSettings(engine="queue", options={"depth": 1}))

    assert manager.lease("run").names == {"jobs": "jobs0"}
    with pytest.raises(EnctestError, match="is called 'oracle'") as caught:
        shop.manager(x=DatabaseSettings(engine="oracle")).prepare()
    assert "Known are mariadb, mysql, postgresql, queue, redis, s3, sqlite, valkey" in caught.value.hint


BROKEN = """
class Broken:
    default_env = "X"
    fields = ("url",)

    def __init__(self, root, databases):
        pass

    def look(self, database):
        return "broken"

    def prepare(self, database, tell):
        return "ready"

    def create(self, database):
        {}

    def close(self):
        pass

    def drop(self, database, copy):
        pass
"""


@pytest.mark.parametrize(
    ("body", "complaint", "hint"),
    [
        (
            "return {}['key']",
            "the engine broken:Broken cannot make a copy: KeyError: 'key'",
            "broken.py, line 16",
        ),
        (
            "from enctest.databases.providers import Copy; return Copy('x', {})",
            "the engine broken:Broken cannot make a copy: KeyError: 'url'",
            "manager.py",
        ),
        (
            "raise ConnectionRefusedError('no')",
            "the server of the engine broken:Broken went away: no",
            "next run",
        ),
    ],
)
def test_a_provider_s_mistakes_are_told_with_their_place(
    shop: Shop, body: str, complaint: str, hint: str
) -> None:
    _write(shop, "broken.py", BROKEN.format(body))
    with pytest.raises(EnctestError, match=complaint) as caught:
        shop.manager(x=DatabaseSettings(engine="broken:Broken")).lease("run")
    assert hint in caught.value.hint


def test_a_class_that_is_not_there_is_told_and_hinders_no_other(shop: Shop) -> None:
    _write(shop, "broken.py", BROKEN.format("pass"))
    manager = shop.manager(
        x=DatabaseSettings(engine="broken:Missing"), good=DatabaseSettings(engine="sqlite", env="GOOD")
    )
    with pytest.raises(EnctestError, match=r"the engine broken:Missing cannot be made: .*Missing"):
        manager.prepare()
    assert [status.state for status in manager.status()] == ["failed", "ready"]
