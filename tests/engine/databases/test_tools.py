"""Migrations by the real Alembic, Django and yoyo, and by commands."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from tests.harness import PATIENCE

from enctest import config
from enctest.config import DatabaseSettings
from enctest.databases.binaries import Binaries
from enctest.databases.manager import DatabaseManager
from enctest.errors import EnctestError
from enctest.paths import Project

if TYPE_CHECKING:
    from tests.engine.databases.conftest import Look, Shop

PROJECTS = Path(__file__).parents[2] / "projects"
QUERIES = {
    "alembic_shop": "select name, price from items",
    "django_shop": "select name, price from catalog_item",
    "yoyo_shop": "select name, price from items",
}


class Sample:
    """A copy of a sample project, and the manager of its database."""

    def __init__(self, root: Path, server: Binaries) -> None:
        self.root = root
        (settings,) = config.load(root).databases.values()
        self.settings = _with(settings, bin=str(server.bin))
        project = Project(root=root, invocation=root, state=root, runtime=root)
        self.manager = DatabaseManager({"shop": self.settings}, project)

    def replace(self, name: str, old: str, new: str) -> None:
        """Edit a file."""
        path = self.root / name
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new), encoding="utf-8")

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Query a fresh copy."""
        self.manager.invalidate()
        lease = self.manager.lease("test")
        where = lease.urls["shop"].replace("postgresql+psycopg", "postgresql")
        with psycopg.connect(where) as connection:
            return connection.execute(sql.encode()).fetchall()

    def failure(self) -> EnctestError:
        """Prepare the database in vain."""
        with pytest.raises(EnctestError) as caught:
            self.manager.prepare()
        return caught.value


def _with(settings: DatabaseSettings, **changes: Any) -> DatabaseSettings:
    import msgspec

    return msgspec.structs.replace(settings, **changes)


@pytest.fixture
def sample(request: pytest.FixtureRequest, tmp_path: Path, any_server: Binaries) -> Iterator[Sample]:
    """The sample project that the parameter names."""
    root = shutil.copytree(PROJECTS / request.param, tmp_path / "project")
    sample = Sample(root, any_server)
    yield sample
    sample.manager.close()


each = pytest.mark.parametrize("sample", sorted(QUERIES), indirect=True)
alembic = pytest.mark.parametrize("sample", ["alembic_shop"], indirect=True)
django = pytest.mark.parametrize("sample", ["django_shop"], indirect=True)
yoyo = pytest.mark.parametrize("sample", ["yoyo_shop"], indirect=True)


@each
def test_a_tool_migrates_under_the_application_s_name(sample: Sample, request: pytest.FixtureRequest) -> None:
    query = QUERIES[request.node.callspec.params["sample"]]
    price = 3 if "catalog" in query else 1

    assert sample.query(query) == [("tea", price)]

    assert sample.query("select current_database(), current_user") == [("shop_run2", "enctest")]
    owners = "select distinct tableowner::text from pg_tables where schemaname = 'public'"
    assert sample.query(owners) == [("enctest",)]


@alembic
def test_an_alembic_revision_that_fails_is_shown_with_its_statement(sample: Sample) -> None:
    sample.replace("db/versions/0002_price.py", "INTO items", "INTO itmes")

    error = sample.failure()

    place = "db/versions/0002_price.py, line 12"
    assert error.title == (
        f'migration of database shop failed: {place}: relation "itmes" does not exist (SQLSTATE 42P01)'
    )
    assert "INSERT INTO itmes (name) VALUES ('tea')" in error.hint
    sample.replace("db/versions/0002_price.py", "INTO itmes", "INTO items")
    assert sample.query("select count(*) from items") == [(1,)]


@alembic
def test_a_revision_that_is_no_python_is_shown(sample: Sample) -> None:
    sample.replace("db/versions/0002_price.py", "def upgrade()", "def upgrade(")

    assert "db/versions/0002_price.py, line " in sample.failure().title


@alembic
def test_a_tool_that_migrates_another_database_is_told(sample: Sample) -> None:
    sample.replace("db/env.py", "with engine.connect()", "raise SystemExit\nwith engine.connect()")

    error = sample.failure()

    assert "Alembic ended well, but there is no table in the database" in error.title
    assert "DATABASE_URL" in error.hint


@django
def test_a_django_operation_that_fails_is_shown_with_its_line(sample: Sample) -> None:
    sample.replace("catalog/migrations/0002_price.py", "ON catalog_item", "ON catalog_itme")

    error = sample.failure()

    assert error.title == (
        "migration of database shop failed: catalog/migrations/0002_price.py, line 8: "
        'relation "catalog_itme" does not exist (SQLSTATE 42P01)'
    )
    assert "CREATE INDEX cheap ON catalog_itme" in error.hint


@django
def test_a_seed_that_fails_shows_what_it_said(sample: Sample) -> None:
    sample.replace("catalog/fixtures/teas.json", "catalog.item", "catalog.itme")

    error = sample.failure()

    assert error.title == (
        "seeding of database shop failed: python manage.py loaddata teas returned 1, manage.py, line 7"
    )
    assert "Invalid model identifier: catalog.itme" in error.hint


@yoyo
@pytest.mark.parametrize(
    ("name", "old", "line"), [("0001-items.py", "text NOT NULL", 3), ("0002-price.sql", "int NOT NULL", 3)]
)
def test_a_yoyo_step_that_fails_is_shown(sample: Sample, name: str, old: str, line: int) -> None:
    sample.replace(f"changes/{name}", old, "nonsense")

    error = sample.failure()

    assert error.title == (
        f'migration of database shop failed: changes/{name}, line {line}: type "nonsense" does not exist '
        "(SQLSTATE 42704)"
    )
    assert "nonsense" in error.hint


@django
def test_only_what_changed_the_result_is_made_again(sample: Sample) -> None:
    sample.query("select 1")
    sample.replace("catalog/fixtures/teas.json", '"price": 3', '"price": 4')
    sample.replace("catalog/migrations/0001_initial.py", "dependencies = []", "dependencies = []  # none")
    assert sample.query("select price from catalog_item") == [(4,)]
    applied = "select max(applied) from django_migrations"
    before = sample.query(applied)

    sample.replace("catalog/fixtures/teas.json", '"price": 4', '"price": 5')
    assert sample.query("select price from catalog_item") == [(5,)]
    assert sample.query(applied) == before

    sample.replace("catalog/models.py", "default=1", "default=2")
    assert sample.query(applied) == before


COMMAND = """
import os, sys, time
import psycopg

with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
    assert os.environ["PGDATABASE"] == connection.info.dbname == "shop"
    connection.execute("create table made (by text)")
    connection.execute("insert into made values (%s)", [" ".join(sys.argv[1:])])
print("half way")
"""


def _commanded(shop: Shop, server: Binaries, code: str, *, tcp: bool = False, seconds: float = 60) -> Any:
    (shop.root / "make.py").write_text(COMMAND + code, encoding="utf-8")
    settings = DatabaseSettings(
        bin=str(server.bin),
        migrations=["python", "make.py", "a b", "$(id)"],
        tcp=tcp,
        migration_timeout=seconds,
    )
    return shop.manager(shop=settings)


@pytest.mark.parametrize("tcp", [False, True])
def test_a_command_is_run_without_a_shell(shop: Shop, server: Binaries, tcp: bool) -> None:
    lease = _commanded(shop, server, "", tcp=tcp).lease("run")

    with psycopg.connect(lease.urls["shop"]) as connection:
        assert connection.execute("select * from made").fetchall() == [("a b $(id)",)]


def test_a_command_that_fails_shows_where_and_its_last_lines(shop: Shop, any_server: Binaries) -> None:
    with pytest.raises(EnctestError) as caught:
        _commanded(shop, any_server, "raise RuntimeError('no more tea')").prepare()

    line = COMMAND.count("\n") + 1
    assert re.search(rf"python make.py .* returned 1, make\.py, line {line}$", caught.value.title)
    assert "half way" in caught.value.hint
    assert "RuntimeError: no more tea" in caught.value.hint


def test_a_program_that_is_not_there_is_told(shop: Shop) -> None:
    manager = shop.manager(shop=DatabaseSettings(migrations=["no-such-program", "up"]))

    with pytest.raises(EnctestError, match="no-such-program: No such file") as caught:
        manager.prepare()

    assert "program on PATH" in caught.value.hint


def test_a_tool_that_is_not_installed_is_told(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (shop.root / "alembic.ini").write_text("[alembic]\nscript_location = db\n", encoding="utf-8")
    hidden = tmp_path / "hidden"
    (hidden / "alembic").mkdir(parents=True)
    (hidden / "alembic" / "__init__.py").write_text(
        "raise ModuleNotFoundError(\"No module named 'alembic'\", name='alembic')", encoding="utf-8"
    )
    monkeypatch.setenv("PYTHONPATH", str(hidden))

    with pytest.raises(EnctestError, match="failed: No module named 'alembic'") as caught:
        shop.manager(shop=DatabaseSettings(migrations="alembic.ini")).prepare()

    assert "pip install alembic" in caught.value.hint


def test_a_command_that_hangs_is_ended_with_all_it_started(
    shop: Shop, any_server: Binaries, look: Look
) -> None:
    code = "import subprocess; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(1000)'])\n"
    manager = _commanded(shop, any_server, code + "time.sleep(1000)", seconds=4)

    with pytest.raises(EnctestError, match=r"python make.py .* was not done after 4 s") as caught:
        manager.prepare()

    assert "half way" in caught.value.hint
    assert "migration-timeout" in caught.value.hint
    assert look.eventually(lambda: not [one for one in look.processes(shop.root).values() if "python" in one])


def test_closing_ends_a_command_that_hangs(shop: Shop, any_server: Binaries, look: Look) -> None:
    import threading

    manager = _commanded(shop, any_server, "time.sleep(1000)")
    problems: list[str] = []

    def prepare() -> None:
        try:
            manager.prepare()
        except EnctestError as error:
            problems.append(error.title)

    thread = threading.Thread(target=prepare)
    thread.start()
    assert look.eventually(lambda: [line for line in look.processes(shop.root).values() if "make.py" in line])

    manager.close()

    thread.join(PATIENCE)
    assert len(problems) == 1
    assert not [one for one in look.processes(shop.root).values() if "make.py" in one]


def test_files_that_change_while_a_tool_runs_are_noticed(shop: Shop, any_server: Binaries) -> None:
    manager = _commanded(shop, any_server, "open('make.py', 'a').write('# x')")

    with pytest.raises(EnctestError, match="its files changed while"):
        manager.prepare()


def test_what_the_environment_says_of_other_servers_is_not_passed_on(
    shop: Shop, any_server: Binaries, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGSERVICE", "production")
    monkeypatch.setenv("PGHOST", "production.example.org")
    code = "assert 'PGSERVICE' not in os.environ; psycopg.connect('').close()"

    lease = _commanded(shop, any_server, code).lease("run")

    assert lease.names == {"shop": "shop"}
