"""What failed tests have left in their databases, read from outside."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.engine.databases.conftest import Shop

from enctest.databases import changes, kept
from enctest.databases.binaries import Binaries
from enctest.databases.cluster import ROLE
from enctest.databases.handout import Handout, lent
from enctest.databases.protocol import Connection
from enctest.errors import EnctestError

TEST = "test_shop.py::test_sells"


@pytest.fixture
def failed(shop: Shop, any_server: Binaries) -> Path:
    """The root of a project in which a test has failed, after some queries."""
    settings = f"[tool.enctest.databases.shop]\nmigrations = 'migrations'\nbin = '{any_server.bin}'\n"
    (shop.root / "pyproject.toml").write_text(settings, encoding="utf-8")
    shop.write(
        "2_more.up.sql",
        "create table mark (name text);\n"
        'create table "Odd ""name" (a int primary key, "b c" text);\n'
        "insert into items (name) select 'item ' || n from generate_series(1, 5) n;\n"
        "create table gone (id int); insert into gone values (1);\n"
        "create table parts (id int) partition by range (id);\n"
        "create table parts_1 partition of parts for values from (0) to (10);\n"
        "create view cheap as select name from items;\n",
    )
    (one,) = lent(shop.manager(any_server).lease("run").env["ENCTEST_DATABASES"])
    handout = Handout(one)
    handout.give("test", TEST)
    with Connection(one.socket, database=one.database, user=ROLE) as connection:
        connection.query(
            "insert into items (name) values ('tea'), ('milk'); update items set name = 'x' where id < 3; "
            "delete from items where id = 4; insert into mark values ('a'), ('a'); drop table gone; "
            """insert into "Odd ""name" values (1, e'two\\nlines'), (2, null); create table new (id int); """
            "insert into new values (1); insert into parts values (1)"
        )
    handout.failed(TEST)
    handout.close()
    return shop.root


def test_what_was_changed(failed: Path) -> None:
    (found,) = kept.look(failed, TEST)
    assert found.name == "shop"
    assert found.url.startswith(f"postgresql://{ROLE}@/enctest_copy_of_")
    assert {each.table: each.told for each in found.changes} == {
        "public.items": "2 added, 2 updated, 1 deleted",
        "public.mark": "2 added, 0 updated, 0 deleted",
        'public."Odd ""name"': "2 added, 0 updated, 0 deleted",
        "public.gone": "0 added, 0 updated, 1 deleted",
        "public.new": "1 added, 0 updated, 0 deleted",
        "public.parts": "1 added, 0 updated, 0 deleted",
    }
    assert kept.look(failed, "test_shop.py::another") == ()


def test_of_large_tables_only_the_number(failed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "_LARGE", 0)
    (found,) = kept.look(failed, TEST)
    told = {each.table: each.told for each in found.changes}
    assert told["public.items"] == "1 rows more"
    assert told["public.gone"] == "1 rows fewer"


def test_tables_and_their_rows(failed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = kept.tables(failed, "shop", TEST)
    assert list(names) == [
        'public."Odd ""name"', "public.cheap", "public.items", "public.mark", "public.new", "public.parts",
    ]  # fmt: skip
    odd = kept.read(failed, "shop", TEST, 'public."Odd ""name"')
    assert (odd.columns, odd.rows, odd.is_whole) == (("a", "b c"), (("1", "two\nlines"), ("2", None)), True)
    monkeypatch.setattr(kept, "ROWS", 3)
    items = kept.read(failed, "shop", TEST, "public.items")
    assert len(items.rows) == 3
    assert not items.is_whole
    assert kept.read(failed, "shop", TEST, "public.cheap").columns == ("name",)
    with pytest.raises(EnctestError, match="database shop cannot be read: relation"):
        kept.read(failed, "shop", TEST, "public.nothing")


def test_what_opens_it(failed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name, command = kept.opener(failed, TEST)
    assert name == "shop"
    assert Path(command[0]).name in {"psql", "pgcli"}
    assert command[1].startswith("postgresql://")
    monkeypatch.setattr("shutil.which", lambda _: None)
    assert kept.opener(failed, TEST) == ("shop", [])
    with pytest.raises(EnctestError, match="nothing of another was kept") as refused:
        kept.opener(failed, "another")
    assert TEST in refused.value.hint


def test_where_tests_share_a_database_it_says_so(shop: Shop, any_server: Binaries) -> None:
    settings = f"[tool.enctest.databases.shop]\nmigrations = 'migrations'\nbin = '{any_server.bin}'\n"
    (shop.root / "pyproject.toml").write_text(settings, encoding="utf-8")
    shop.manager(any_server).lease("run")
    with pytest.raises(EnctestError, match=f"nothing of {TEST} was kept") as refused:
        kept.opener(shop.root, TEST)
    assert 'isolation = "test" in [tool.enctest.databases.shop] keeps' in refused.value.hint
    (shop.root / "pyproject.toml").write_text(f"{settings}isolation = 'test'\n", encoding="utf-8")
    with pytest.raises(EnctestError) as refused:
        kept.opener(shop.root, TEST)
    assert "no test that uses it has failed" in refused.value.hint


def test_where_nothing_runs(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.enctest.databases.shop]\nmigrations = 'migrations'\n")
    assert kept.look(tmp_path, TEST) == ()
    with pytest.raises(EnctestError, match="database shop is not running"):
        kept.opener(tmp_path, TEST)
    (tmp_path / "pyproject.toml").write_text("[tool.enctest]\n")
    with pytest.raises(EnctestError, match="no PostgreSQL database is managed here"):
        kept.opener(tmp_path, TEST)
