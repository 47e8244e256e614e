"""Data folders of clusters, kept in the cache: fresh ones, and a project's with its migrated templates.

An image is a file that is never changed: written under another name, then renamed, so two that write the
same do not meet, and one that is killed leaves a file that nobody takes for an image. Which one is it is
told by a hash of all that went in; of one project others will do as well, as most of their templates, or the
first steps of them, may be the same. Unless they have roles: these are the whole server's, and who knows
whether the migrations of now make them too.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from enum import Enum
from pathlib import Path

from enctest.databases import archive, stand_ins
from enctest.databases.account import Account
from enctest.databases.binaries import Binaries
from enctest.databases.protocol import Connection, ServerError
from enctest.paths import cache_folder

LIMIT = 1 << 30
"""Bytes of all images together; the least recently used go first."""
_LAYOUT = "1"  # of an image; another is another key
_ENDING = ".image"
_WITH_ROLES = "-roles"
_NEW = "new-"
_LEFT_BEHIND = 3600.0
"""Seconds after which a file that is still being written has lost its writer."""
_ATTEMPTS = 3
# What a server makes anew when it starts, or `configure` does.
_LEFT_OUT = {"postmaster.pid", "postmaster.opts", stand_ins.FOLDER}
_EMPTIED = {
    "pg_dynshmem", "pg_notify", "pg_replslot", "pg_serial", "pg_snapshots", "pg_stat", "pg_stat_tmp",
    "pg_subtrans",
}  # fmt: skip
_CACHE = "pg_internal.init"
_ENTERED = {"5", *map(str, range(10_000, 16_384))}
"""Oids that the database `postgres` may have: before PostgreSQL 15 any that `initdb` gives."""
_WHERE = """
    select pg_current_wal_insert_lsn(), pg_walfile_name(redo_lsn),
        pg_walfile_name(pg_current_wal_insert_lsn())
    from pg_control_checkpoint()"""
_ROLES = """
    select exists (
        select from pg_roles where oid >= 16384 and rolname not in ('enctest', 'enctest_migrator'))"""
_DATABASES = "select oid, datname, oid < 16384 from pg_database where oid < 16384 or datistemplate"
# Databases whose folders the image does not have: copies, and templates of other states.
_FORGET = """
    with gone as (
        delete from pg_database d where oid >= 16384
        and not exists (select from pg_ls_dir('base') folder where folder = d.oid::text) returning oid),
    depending as (
        delete from pg_shdepend where dbid in (select oid from gone)
        or classid = 'pg_database'::regclass and objid in (select oid from gone)),
    set as (delete from pg_db_role_setting where setdatabase in (select oid from gone))
    select count(*) from gone"""


def fresh(binaries: Binaries, options: Sequence[str]) -> Path:
    """Return where the image of a new cluster is, if it is there; `options` are initdb's."""
    return _folder() / f"{_stem(binaries, options)}{_ENDING}"


def migrated(binaries: Binaries, options: Sequence[str], root: Path, templates: Collection[str]) -> Path:
    """Return where the image of a project's cluster with these templates is, if it is there."""
    names = hashlib.sha256("\0".join(sorted(templates)).encode()).hexdigest()[:16]
    return _folder() / f"{_stem(binaries, options)}-{_of_project(root)}-{names}{_ENDING}"


def exact(image: Path) -> tuple[Path, Path]:
    """Return where the image of that name may be: without and with roles that migrations have made."""
    return image, image.with_name(f"{image.stem}{_WITH_ROLES}{_ENDING}")


def candidates(
    binaries: Binaries, options: Sequence[str], root: Path, templates: Collection[str]
) -> list[Path]:
    """Return the images that there are to start from, the best first."""
    stem = _stem(binaries, options)
    best = exact(migrated(binaries, options, root, templates))
    others = sorted(_folder().glob(f"{stem}-{_of_project(root)}-*{_ENDING}"), key=_used, reverse=True)
    others = [path for path in others if not path.stem.endswith(_WITH_ROLES)]
    return [path for path in dict.fromkeys([*best, *others, fresh(binaries, options)]) if path.is_file()]


class Part(Enum):
    """What of an image is written or read when: a server starts meanwhile, after the first.

    Attributes:
        START: All that a server reads before it takes connections.
        DATABASES: Databases that it only copies.
        CACHES: What a session reads of the catalogs first, in one file; a server that starts removes it.
    """

    START = 1
    DATABASES = 2
    CACHES = 3


def restore(image: Path, target: Path, account: Account | None, *parts: Part) -> None:
    """Make a data folder of an image, or some parts of it; default: all.

    Raises:
        OSError: There is no room, or the image has just been removed.
        ValueError: It is damaged.
    """
    archive.unpack(image, target, account, lambda path: not parts or _part(path) in parts)
    with contextlib.suppress(OSError):  # it is only for the order in which they go
        os.utime(image)


def _part(path: str) -> Part:
    if path.endswith(_CACHE):
        return Part.CACHES
    in_base = path.startswith("base/") and path.split("/", 2)[1] not in _ENTERED
    return Part.DATABASES if in_base else Part.START


def keep_fresh(data: Path, image: Path) -> Callable[[], None]:
    """Keep the data folder of a cluster that has never run, if there is room.

    Returns:
        What has to be called to do the rest of it; the server may start before that.
    """
    parts = _kept_fresh(data, image)
    next(parts, None)
    return lambda: next(parts, None)


def _kept_fresh(data: Path, image: Path) -> Iterator[None]:
    with (
        contextlib.suppress(OSError),  # without room it only costs time
        _written(image) as temporary,
        contextlib.closing(archive.Packing(temporary, LIMIT)) as packing,
    ):
        packing.add(data, lambda path: path not in _LEFT_OUT and _part(path) == Part.START)
        yield
        packing.add(data, lambda path: _part(path) == Part.DATABASES, within="base/")
        packing.finish()


def keep_running(admin: Connection, data: Path, image: Path, templates: Collection[str]) -> bool:
    """Keep a running cluster with these templates; tell whether that was possible.

    Everything is written out, then read, and nothing must have happened meanwhile: a server that is started
    from it finds what one finds that was killed in that moment.

    Args:
        admin: A superuser's session.
        data: The cluster's data folder.
        image: Where to.
        templates: Names of databases that nobody can connect to; other databases are left out.
    """
    with contextlib.suppress(OSError, ServerError):  # it only costs time
        without, with_roles = exact(image)
        _keep_running(admin, data, with_roles if admin.value(_ROLES) == "t" else without, templates)
        return True
    return False


def _keep_running(admin: Connection, data: Path, image: Path, templates: Collection[str]) -> None:
    with _written(image) as temporary:
        known = {
            name: oid
            for oid, name, is_wanted in admin.query(_DATABASES)
            if is_wanted == "t" or name in templates
        }
        if not known.keys() >= set(templates):
            raise OSError("a migration has failed")
        if any(_has_unlogged(data / "base" / (known[name] or "")) for name in templates):
            raise OSError("a server that was killed begins with empty unlogged tables")
        for _ in range(_ATTEMPTS):
            admin.query("checkpoint")
            ((before, first, last),) = admin.query(_WHERE)
            wanted = _needed({f"base/{oid}" for oid in known.values()}, first or "", last or "")
            archive.pack(data, temporary, wanted, limit=LIMIT)
            if admin.value("select pg_current_wal_insert_lsn()") == before:
                return
            temporary.unlink()
        raise OSError("the server is at work")


def _has_unlogged(database: Path) -> bool:
    """Tell whether any table of a database is unlogged: then it has a file more."""
    return any(name.endswith("_init") for name in os.listdir(database))  # noqa: PTH208 - no Path per entry


def forget_missing(admin: Connection) -> None:
    """Remove from the catalogs what an image has left out.

    Raises:
        OSError: The server is gone.
        ServerError: It refused.
    """
    admin.query(_FORGET)


def _needed(databases: Collection[str], first: str, last: str) -> Callable[[str], bool]:
    """Return what tells whether a path of a running cluster is needed; `first` to `last` are of its WAL."""

    def wanted(path: str) -> bool:
        parent, _, name = path.rpartition("/")
        if path in _LEFT_OUT or parent in _EMPTIED or name.startswith("pgsql_tmp"):
            return False
        if parent == "base":
            return path in databases
        if parent == "pg_wal":
            return not name[0].isdigit() or first <= name <= last
        return True

    return wanted


@contextlib.contextmanager
def _written(image: Path) -> Iterator[Path]:
    """Yield the path of a file that becomes the image if all goes well; then the oldest ones are removed."""
    image.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=image.parent, prefix=_NEW))
    try:
        yield folder / image.name
        (folder / image.name).rename(image)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    _make_room(image)


def _make_room(newest: Path) -> None:
    """Remove the images that were not used for the longest time, and what killed writers have left."""
    room = LIMIT - newest.stat().st_size
    for path in sorted(newest.parent.iterdir(), key=_used, reverse=True):
        if path.suffix == _ENDING and path != newest:
            room -= path.stat().st_size
            if room < 0:
                path.unlink(missing_ok=True)
        elif path.name.startswith(_NEW) and time.time() - _used(path) > _LEFT_BEHIND:
            shutil.rmtree(path, ignore_errors=True)


def _folder() -> Path:
    return cache_folder() / "postgres"


def _stem(binaries: Binaries, options: Sequence[str]) -> str:
    identity = "\0".join([_LAYOUT, str(binaries.bin), binaries.version, *options])
    return f"{binaries.version}-{hashlib.sha256(identity.encode()).hexdigest()[:12]}"


def _of_project(root: Path) -> str:
    return hashlib.sha256(os.fsencode(root)).hexdigest()[:8]


def _used(path: Path) -> float:
    """Return when a file was used last; 0 when it is gone."""
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
