"""A cluster's data folder: made once by initdb, kept in the cache, copied from there."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from enctest.databases import budget, server_log, stand_ins
from enctest.databases.account import Account
from enctest.databases.binaries import Binaries
from enctest.errors import EnctestError
from enctest.paths import cache_folder

SUPERUSER = "postgres"
_CHUNK = 1 << 20
_PASSED_ON = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH")

_SETTINGS: dict[str, str | int] = {
    # Nothing of this outlives the work: no write needs to reach a disk.
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": 0,
    "min_wal_size": "32MB",
    "max_wal_size": "64MB",
    "checkpoint_warning": 0,
    # Little memory, few processes, a quick start.
    "autovacuum": "off",
    "shared_buffers": "32MB",
    "huge_pages": "off",
    "max_locks_per_transaction": 96,
    # Within the data folder: nothing else of it stays in /dev/shm when the server is killed.
    "dynamic_shared_memory_type": "mmap",
    # A production database's usual values, instead of this machine's.
    "timezone": "UTC",
    "log_timezone": "UTC",
    "datestyle": "iso, mdy",
    "default_text_search_config": "pg_catalog.english",
    # Tests are told what the server says of their databases: see `server_log`.
    "logging_collector": "off",
    "log_min_messages": "warning",
    "log_checkpoints": "off",
    "log_line_prefix": server_log.PREFIX,
    "log_min_duration_statement": server_log.SLOW_MS,
    "log_lock_waits": "on",
    "deadlock_timeout": server_log.SLOW_MS,
}
_SINCE: dict[int, dict[str, str | int]] = {
    13: {"log_parameter_max_length": 0},  # they can be secrets; what a test's own are, its spans tell
    16: {"scram_iterations": 1},  # a password of 32 random bytes needs no slow hash
    18: {"io_method": "sync"},  # three processes fewer
}


def server_environment() -> dict[str, str]:
    """Return the variables that PostgreSQL's programs get: none of the project's, none of libpq's."""
    kept = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    return {"PATH": os.defpath, **kept, "LC_ALL": "C", "TZ": "UTC"}


def cached(binaries: Binaries) -> Path:
    """Return the folder of the cache where a fresh data folder for this server is kept, if it is."""
    identity = "\0".join([str(binaries.bin), binaries.version, *_initdb_options(binaries)])
    key = hashlib.sha256(identity.encode()).hexdigest()[:12]
    return cache_folder() / "postgres" / f"{binaries.version}-{key}"


def make(target: Path, binaries: Binaries, account: Account | None) -> bool:
    """Make a fresh data folder; tell whether it came from the cache.

    Raises:
        EnctestError: initdb failed, or may not run as another user.
    """
    source = cached(binaries)
    if source.is_dir():
        try:
            copy(source, target, account)
        except OSError:  # damaged, or made by another user: as good as none
            shutil.rmtree(target, ignore_errors=True)
        else:
            return True
    make_folder(target, account)
    _initdb(target, binaries, account)
    _keep(target, source)
    return False


def make_folder(folder: Path, account: Account | None) -> None:
    """Make a folder that only the server's user (and root) can enter."""
    folder.mkdir(mode=0o700)
    if account:
        os.chown(folder, account.uid, account.gid)


def configure(
    data: Path, binaries: Binaries, account: Account | None, *, socket: Path, port: int, tcp: bool
) -> None:
    """Write the server's settings, and who may connect: everybody by the socket, with a password by TCP."""
    settings = dict(_SETTINGS)
    for major, more in _SINCE.items():
        if binaries.major >= major:
            settings |= more
    settings |= {
        "max_connections": budget.of_server(),
        "listen_addresses": "127.0.0.1" if tcp else "",
        "port": port,
        "unix_socket_directories": str(socket),
        "password_encryption": "scram-sha-256",
    }
    if binaries.major >= stand_ins.SINCE:
        settings["extension_control_path"] = stand_ins.control_path(data)
        _write_stand_ins(data / stand_ins.FOLDER, account)
    lines = [f"{name} = '{str(value).replace(chr(39), chr(39) * 2)}'\n" for name, value in settings.items()]
    rules = "local all all trust\n" + ("host all all 127.0.0.1/32 scram-sha-256\n" if tcp else "")
    for name, text in (("postgresql.conf", "".join(lines)), ("pg_hba.conf", rules)):
        (data / name).write_text(text, encoding="utf-8")
        if account:
            os.chown(data / name, account.uid, account.gid)


def _write_stand_ins(folder: Path, account: Account | None) -> None:
    for made in (folder, folder / "extension"):
        make_folder(made, account)
    for name, text in stand_ins.files().items():
        (folder / name).write_text(text, encoding="utf-8")
        if account:
            os.chown(folder / name, account.uid, account.gid)


def copy(source: Path | str, target: Path | str, account: Account | None) -> None:
    """Copy a folder of plain files and folders, to be read by `account` (default: us) alone."""
    os.mkdir(target, 0o700)
    with os.scandir(source) as entries:
        for entry in entries:
            place = os.path.join(target, entry.name)
            if entry.is_dir(follow_symlinks=False):
                copy(entry.path, place, account)
            else:
                _copy_file(entry.path, place, account)
    if account:
        os.chown(target, account.uid, account.gid)


def _copy_file(source: str, target: str, account: Account | None) -> None:
    reader = os.open(source, os.O_RDONLY)
    writer = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        while data := os.read(reader, _CHUNK):
            os.write(writer, data)
        if account:
            os.fchown(writer, account.uid, account.gid)
    finally:
        os.close(reader)
        os.close(writer)


def _initdb_options(binaries: Binaries) -> list[str]:
    options = [f"--username={SUPERUSER}", "--auth=trust", "--encoding=UTF8", "--no-sync", "--wal-segsize=1"]
    if binaries.major >= 17:  # noqa: PLR2004 - the first with a locale of its own
        return [*options, "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    return [*options, "--locale=" + ("en_US.UTF-8" if sys.platform == "darwin" else "C.UTF-8")]


def _initdb(target: Path, binaries: Binaries, account: Account | None) -> None:
    command = [str(binaries.bin / "initdb"), f"--pgdata={target}", *_initdb_options(binaries)]
    try:
        done = subprocess.run(
            command,
            cwd="/",
            env=server_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            umask=0o077,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
        )
    except PermissionError as error:
        raise EnctestError(
            f"initdb cannot be run: {error}",
            "PostgreSQL refuses to run as root, so root must be allowed to run it as another user "
            "(capabilities SETUID, SETGID and CHOWN); or work as an ordinary user.",
        ) from error
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()] or ["no message"]
        reason = next((line for line in lines if "error:" in line or "FATAL:" in line), lines[-1])
        raise EnctestError(
            f"a PostgreSQL cluster cannot be made: {reason}", f"By {binaries.bin}, {binaries.source}."
        )


def _keep(data: Path, place: Path) -> None:
    """Put a copy of a fresh data folder into the cache, whole or not at all."""
    with contextlib.suppress(
        OSError
    ):  # no room, read-only or another process was quicker: it only costs time
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(dir=place.parent, prefix="new-"))
        try:
            copy(data, temporary / "data", None)
            (temporary / "data").rename(place)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
