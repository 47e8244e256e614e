"""What is kept on disk of clusters, and what comes back of it."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from enctest.config import DatabaseSettings
from enctest.databases import archive, datadir, images
from enctest.databases.account import Account
from enctest.databases.binaries import Binaries
from enctest.databases.manager import DatabaseManager, Lease

if TYPE_CHECKING:
    from tests.engine.databases.conftest import Shop

RunPython = Callable[..., "subprocess.Popen[str]"]

KILLED = """
import sys, time
from pathlib import Path
from enctest.config import DatabaseSettings
from enctest.databases import archive
from enctest.databases.manager import DatabaseManager
from enctest.paths import Project

write = archive._Writer.write

def stuck(self, data):
    write(self, data)
    if "shop" in names:
        self.file.flush()
        print("half", flush=True)
        time.sleep(600)

names = []
archive._Writer.write = stuck
root = Path(sys.argv[1])
settings = {"shop": DatabaseSettings(bin=sys.argv[2], migrations="migrations")}
manager = DatabaseManager(settings, Project(root=root, invocation=root, state=root, runtime=root))
manager.prepare()
names.append("shop")
manager.lease("run")
"""


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache; returns the folder of images."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "enctest" / "postgres"


def _images(cache: Path) -> list[Path]:
    """Return the images of clusters with templates, sorted by name."""
    return sorted(path for path in cache.glob("*.image") if path.name.count("-") >= 3)


def _run(url: str, sql: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(sql.encode())
        return cursor.fetchall() if cursor.description else []


def _once(shop: Shop, server: Binaries) -> Lease:
    """Lease a database from a cluster that is started for it, and ended."""
    manager = shop.manager(server)
    lease = manager.lease("run")
    manager.close()
    return lease


def _next(shop: Shop, server: Binaries) -> tuple[DatabaseManager, str]:
    """Start again; return the manager and the URL."""
    shop.statuses.clear()
    manager = shop.manager(server)
    return manager, manager.lease("run").urls["shop"]


def test_a_second_start_finds_the_database_migrated(shop: Shop, server: Binaries) -> None:
    shop.write("2_rows.up.sql", "insert into items (name) values ('kept');")
    _once(shop, server)

    _, url = _next(shop, server)

    assert shop.states() == ["starting", "ready"]
    assert _run(url, "select id, name from items") == [(1, "kept")]
    assert _run(url, "insert into items (name) values ('new') returning id") == [(2,)]
    assert _run(url, "select current_user, datname from pg_database where datname = 'shop'") == [
        ("enctest", "shop")
    ]


def test_a_start_after_a_migration_was_added_has_the_earlier_ones(shop: Shop, any_server: Binaries) -> None:
    _once(shop, any_server)
    shop.write("2_rows.up.sql", "insert into items (name) values ('added');")

    _, url = _next(shop, any_server)

    assert shop.states() == ["starting", "migrating", "ready"]
    assert _run(url, "select name from items") == [("added",)]
    templates = _run(url, "select count(*) from pg_database where datname like 'template_shop_%'")
    assert templates == [(2,)]


def test_only_what_is_needed_comes_back(shop: Shop, any_server: Binaries, cache: Path) -> None:
    _once(shop, any_server)
    shop.write("2_rows.up.sql", "insert into items (name) values ('added');")
    _once(shop, any_server)

    _, url = _next(shop, any_server)

    assert len(_images(cache)) == 2
    names = {name for (name,) in _run(url, "select datname from pg_database where oid >= 16384")}
    assert "shop" in names
    assert len(names) == 2  # and its template: not the earlier one
    lost = "select count(*) from pg_shdepend where dbid <> 0 and dbid not in (select oid from pg_database)"
    assert _run(url, lost) == [(0,)]


def test_what_tests_do_to_the_server_is_not_kept(shop: Shop, any_server: Binaries) -> None:
    manager = shop.manager(any_server)
    lease = manager.lease("run")
    superuser = lease.copies["shop"].lent
    assert superuser is not None
    url = superuser.superuser_url.replace("enctest-name-of-the-database", "shop")
    _run(url, "create role left_behind")
    manager.close()

    _, url = _next(shop, any_server)

    assert shop.states() == ["starting", "ready"]
    assert _run(url, "select 1 from pg_roles where rolname = 'left_behind'") == []


def test_roles_of_migrations_that_are_gone_are_gone(shop: Shop, any_server: Binaries) -> None:
    path = shop.write("2_role.up.sql", "create role reader; grant select on items to reader;")
    _once(shop, any_server)
    manager, url = _next(shop, any_server)
    assert shop.states() == ["starting", "ready"]
    assert _run(url, "select has_table_privilege('reader', 'items', 'select')") == [(True,)]
    manager.close()
    path.unlink()

    _, url = _next(shop, any_server)

    assert shop.states() == ["starting", "migrating", "ready"]
    assert _run(url, "select 1 from pg_roles where rolname = 'reader'") == []


def test_the_password_is_a_new_one(shop: Shop, any_server: Binaries) -> None:
    settings = DatabaseSettings(bin=str(any_server.bin), migrations="migrations", tcp=True)
    first = shop.manager(shop=settings)
    before = first.lease("run").copies["shop"].values
    first.close()
    shop.statuses.clear()

    second = shop.manager(shop=settings).lease("run").copies["shop"].values

    assert shop.states() == ["starting", "ready"]
    assert second["password"] != before["password"]
    assert _run(second["url"], "select 1") == [(1,)]


def test_a_failed_migration_keeps_nothing(shop: Shop, any_server: Binaries, cache: Path) -> None:
    wrong = DatabaseSettings(bin=str(any_server.bin), migrations="wrong", env="WRONG")
    right = DatabaseSettings(bin=str(any_server.bin), migrations="migrations")
    (shop.root / "wrong").mkdir()
    (shop.root / "wrong" / "1.sql").write_text("nonsense", encoding="utf-8")
    manager = shop.manager(shop=right, wrong=wrong)
    with pytest.raises(Exception, match="nonsense"):
        manager.prepare()

    with pytest.raises(Exception, match="nonsense"):
        manager.lease("run")
    manager.close()

    assert _images(cache) == []


def test_unlogged_tables_keep_their_rows(shop: Shop, any_server: Binaries, cache: Path) -> None:
    shop.write("2_rows.up.sql", "create unlogged table mark as select 1 as number;")
    _once(shop, any_server)

    _, url = _next(shop, any_server)

    assert _run(url, "select number from mark") == [(1,)]
    assert _images(cache) == []


def test_a_server_at_work_is_not_kept(
    shop: Shop, any_server: Binaries, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manager = shop.manager(any_server)
    manager.prepare()
    pack = archive.pack

    def busy(folder: Path, *args: Any, **options: Any) -> None:
        pack(folder, *args, **options)
        host = folder.parent / "s"
        _run(f"postgresql://postgres@/postgres?host={host}", "create table t(); drop table t")

    monkeypatch.setattr(archive, "pack", busy)
    manager.lease("run")

    assert _images(cache) == []
    assert list(cache.glob("new-*")) == []


def test_a_damaged_image_is_passed_over(shop: Shop, any_server: Binaries, cache: Path) -> None:
    _once(shop, any_server)
    (image,) = _images(cache)
    content = image.read_bytes()
    image.write_bytes(content[: len(content) // 2])

    _, url = _next(shop, any_server)

    assert shop.states() == ["starting", "migrating", "ready"]
    assert _run(url, "select count(*) from items") == [(0,)]
    assert image.stat().st_size >= len(content) // 2 + 1


def test_an_image_that_does_not_start_is_removed(shop: Shop, any_server: Binaries, cache: Path) -> None:
    _once(shop, any_server)
    (image,) = _images(cache)
    folder = shop.root / "unpacked"
    archive.unpack(image, folder, None)
    (folder / "global" / "pg_control").write_bytes(b"\0" * 8192)
    image.unlink()
    archive.pack(folder, image, lambda _: True, limit=1 << 30)
    damaged = image.stat().st_ino

    with image.open("rb"):  # else the next file may get its inode
        _, url = _next(shop, any_server)
        assert image.stat().st_ino != damaged

    assert shop.states() == ["starting", "migrating", "ready"]
    assert _run(url, "select count(*) from items") == [(0,)]


def test_an_image_of_which_a_part_is_missing_is_removed(
    shop: Shop, any_server: Binaries, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _once(shop, any_server)
    (image,) = _images(cache)
    damaged = image.stat().st_ino
    restore = images.restore

    def broken(image: Path, target: Path, account: Account | None, *parts: images.Part) -> None:
        if images.Part.DATABASES in parts and image.stat().st_ino == damaged:
            raise ValueError("a part is missing")
        restore(image, target, account, *parts)

    monkeypatch.setattr(images, "restore", broken)

    with image.open("rb"):  # else the next file may get its inode
        _, url = _next(shop, any_server)
        assert [path.stat().st_ino for path in _images(cache)] != [damaged]

    assert shop.states() == ["starting", "migrating", "ready"]
    assert _run(url, "select count(*) from items") == [(0,)]


def test_what_sessions_read_first_is_there_for_copies(shop: Shop, server: Binaries) -> None:
    _once(shop, server)

    _, url = _next(shop, server)

    superuser = url.replace("enctest@", "postgres@")
    sql = "select datname from pg_database, pg_ls_dir('base/' || oid) file where file = 'pg_internal.init'"
    found = {name for (name,) in _run(superuser, sql)}
    assert "shop" in found
    assert any(name.startswith("template_shop_") for name in found)


def test_a_writer_that_is_killed_leaves_no_image(
    shop: Shop, any_server: Binaries, cache: Path, run_python: RunPython
) -> None:
    child = run_python(KILLED, shop.root, any_server.bin)
    assert child.stdout
    assert child.stdout.readline() == "half\n"

    child.send_signal(signal.SIGKILL)
    child.wait()
    (left,) = cache.glob("new-*")
    os.utime(left, (0, 0))

    assert _images(cache) == []
    _, url = _next(shop, any_server)
    assert shop.states() == ["starting", "migrating", "ready"]
    assert _run(url, "select count(*) from items") == [(0,)]
    assert len(_images(cache)) == 1
    assert not left.exists()


def _keep(data: Path, image: Path) -> None:
    images.keep_fresh(data, image)()


def test_two_that_write_the_same_do_not_meet(tmp_path: Path) -> None:
    data = tmp_path / "data"
    (data / "base").mkdir(parents=True)
    for number in range(50):
        (data / "base" / str(number)).write_bytes(os.urandom(100_000))
    image = tmp_path / "images" / "one.image"
    threads = [threading.Thread(target=_keep, args=(data, image)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [path.name for path in image.parent.iterdir()] == ["one.image"]
    images.restore(image, tmp_path / "back", None)
    for path in (data / "base").iterdir():
        assert (tmp_path / "back" / "base" / path.name).read_bytes() == path.read_bytes()


def test_images_and_what_is_made_of_them_are_private(shop: Shop, any_server: Binaries, cache: Path) -> None:
    _once(shop, any_server)

    for path in cache.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(cache.stat().st_mode) == 0o700
    archive.unpack(_images(cache)[0], shop.root / "back", None)
    for folder, _, files in os.walk(shop.root / "back"):
        assert stat.S_IMODE(Path(folder).stat().st_mode) == 0o700
        for name in files:
            assert stat.S_IMODE((Path(folder) / name).stat().st_mode) == 0o600


def test_the_images_used_last_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = tmp_path / "data"
    (data / "base").mkdir(parents=True)
    (data / "file").write_bytes(os.urandom(1000))
    folder = tmp_path / "images"
    for number in range(4):
        _keep(data, folder / f"{number}.image")
        os.utime(folder / f"{number}.image", (number, number))
    images.restore(folder / "0.image", tmp_path / "back", None)
    monkeypatch.setattr(images, "LIMIT", 3 * (folder / "0.image").stat().st_size)

    _keep(data, folder / "4.image")

    assert sorted(path.name for path in folder.iterdir()) == ["0.image", "3.image", "4.image"]


def test_too_much_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = tmp_path / "data"
    (data / "base").mkdir(parents=True)
    (data / "file").write_bytes(os.urandom(1000))
    monkeypatch.setattr(images, "LIMIT", 999)

    _keep(data, tmp_path / "images" / "one.image")

    assert list((tmp_path / "images").iterdir()) == []


def test_contents_come_back_however_long_and_how_often(tmp_path: Path) -> None:
    data = tmp_path / "data"
    (data / "a" / "empty").mkdir(parents=True)
    contents = {"a/1": b"", "a/2": b"same" * 10, "a/3": b"same" * 10, "4": os.urandom(3 << 20)}
    for name, content in contents.items():
        (data / name).write_bytes(content)

    archive.pack(data, tmp_path / "packed", lambda path: path != "a/1", limit=4 << 20)
    archive.unpack(tmp_path / "packed", tmp_path / "back", None)

    back = {
        str(path.relative_to(tmp_path / "back")): path.read_bytes()
        for path in (tmp_path / "back").rglob("*")
        if path.is_file()
    }
    assert back == {name: content for name, content in contents.items() if name != "a/1"}
    assert (tmp_path / "back" / "a" / "empty").is_dir()
    assert (tmp_path / "packed").stat().st_size < (3 << 20) + 1000


def test_options_of_initdb_count(any_server: Binaries) -> None:
    options = datadir.initdb_options(any_server)

    assert images.fresh(any_server, options) != images.fresh(any_server, [*options, "--wal-segsize=2"])
