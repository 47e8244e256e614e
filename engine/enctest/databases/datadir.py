"""A cluster's data folder: made of an image, or by initdb."""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from enctest.databases import budget, images, server_log, stand_ins
from enctest.databases.account import Account
from enctest.databases.binaries import Binaries
from enctest.errors import EnctestError

SUPERUSER = "postgres"
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
    # There is room for hundreds of sessions: with more locks for each, a start takes twice as long.
    "max_locks_per_transaction": 32,
    "max_pred_locks_per_transaction": 16,
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


def make(
    target: Path, binaries: Binaries, account: Account | None, candidates: Sequence[Path]
) -> tuple[Path | None, Callable[[], None]]:
    """Make what a server needs to start.

    Args:
        target: The new folder.
        binaries: By which it is made, and will be served.
        account: Who the server is to be, if not us.
        candidates: Images to make it of, the best first.

    Returns:
        The image that it is of, None if of none, and what has to be called while the server starts. That
        raises an OSError when there is no room, a ValueError when the image is damaged.

    Raises:
        EnctestError: initdb failed, or may not run as another user.
    """
    for image in candidates:
        try:
            images.restore(image, target, account, images.Part.START)
        except (OSError, ValueError):  # damaged, gone, or made by another user: as good as none
            shutil.rmtree(target, ignore_errors=True)
        else:
            return image, functools.partial(images.restore, image, target, account, images.Part.DATABASES)
    make_folder(target, account)
    _initdb(target, binaries, account)
    return None, images.keep_fresh(target, images.fresh(binaries, initdb_options(binaries)))


def warm(target: Path, account: Account | None, image: Path) -> None:
    """Save first sessions some work, once a server takes connections."""
    with contextlib.suppress(OSError, ValueError):  # somebody was quicker: a session made it
        images.restore(image, target, account, images.Part.CACHES)


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


def initdb_options(binaries: Binaries) -> list[str]:
    """Return what a cluster is made with, but its place."""
    options = [f"--username={SUPERUSER}", "--auth=trust", "--encoding=UTF8", "--no-sync", "--wal-segsize=1"]
    if binaries.major >= 17:  # noqa: PLR2004 - the first with a locale of its own
        return [*options, "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    return [*options, "--locale=" + ("en_US.UTF-8" if sys.platform == "darwin" else "C.UTF-8")]


def _initdb(target: Path, binaries: Binaries, account: Account | None) -> None:
    command = [str(binaries.bin / "initdb"), f"--pgdata={target}", *initdb_options(binaries)]
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
