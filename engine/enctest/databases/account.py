"""The user that the server runs as: PostgreSQL refuses to run as root, so root needs another one."""

from __future__ import annotations

import hashlib
import os
import pwd
import shutil
import stat
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from enctest.databases.binaries import Binaries
from enctest.errors import EnctestError

_NOBODY = 65534
_CACHES = (Path("/var/cache"), Path("/var/tmp"))  # noqa: S108 - a folder of our own is made and checked there


@dataclass(frozen=True)
class Account:
    """A user and group by number."""

    uid: int
    gid: int


def server_account() -> Account | None:
    """Return who the server has to be when we are root, None when it can be us."""
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError:
        return Account(_NOBODY, _NOBODY)
    return Account(entry.pw_uid, entry.pw_gid)


def reaches(account: Account, path: Path) -> bool:
    """Tell whether `account` may enter (or read and run) `path`, all folders above it included."""
    path = path.resolve()
    return _allows(account, path, 0o5) and all(_allows(account, folder, 0o1) for folder in path.parents)


def within_reach(binaries: Binaries, account: Account | None) -> Binaries:
    """Return `binaries`, or a copy of them in a folder that `account` can read.

    Raises:
        EnctestError: No folder can take the copy.
    """
    if account is None or reaches(account, binaries.bin / "postgres"):
        return binaries
    prefix = binaries.bin.parent
    stamp = f"{prefix}\0{(binaries.bin / 'postgres').stat().st_mtime_ns}"
    name = f"pg-{binaries.version}-{hashlib.sha256(stamp.encode()).hexdigest()[:12]}"
    # The layout stays: the programs look for their libraries in ../../../<package>.libs.
    copied = _shared_cache(account) / name / prefix.parent.name / prefix.name
    if not copied.exists():
        _copy(prefix, copied.parents[1])
    return replace(binaries, bin=copied / binaries.bin.name)


def _allows(account: Account, path: Path, wanted: int) -> bool:
    status = path.stat()
    shift = 6 if status.st_uid == account.uid else 3 if status.st_gid == account.gid else 0
    return (status.st_mode >> shift) & wanted == wanted


def _shared_cache(account: Account) -> Path:
    for base in (*_CACHES, Path(tempfile.gettempdir())):
        folder = base / f"enctest-{os.geteuid()}"
        try:
            folder.mkdir(mode=0o755, exist_ok=True)
            status = folder.lstat()
        except OSError:
            continue  # read-only, or not there
        if stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid():  # and no trap somebody else laid
            folder.chmod(0o755)  # whatever the umask is
            if reaches(account, folder):
                return folder
    raise EnctestError(
        "only root can read PostgreSQL's programs, and there is no place to copy them to",
        "Make /var/cache writable, or put the programs where everybody can read them.",
    )


def _copy(prefix: Path, target: Path) -> None:
    """Copy an installation, and the libraries a wheel has beside it, to `target/<package>/<prefix>`."""
    temporary = Path(tempfile.mkdtemp(dir=target.parent))
    temporary.chmod(0o755)
    try:
        package = temporary / prefix.parent.name
        package.mkdir(mode=0o755)
        unneeded = shutil.ignore_patterns("include", "*.a", "doc", "man", "__pycache__")
        shutil.copytree(prefix, package / prefix.name, symlinks=True, ignore=unneeded)
        libraries = prefix.parent.with_name(prefix.parent.name + ".libs")
        if libraries.is_dir():
            shutil.copytree(libraries, temporary / libraries.name, symlinks=True)
        _open_up(temporary)
        temporary.rename(target)
    except OSError as error:
        if not target.exists():  # else another process was quicker
            raise EnctestError(f"PostgreSQL's programs cannot be copied to {target}: {error}") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _open_up(copy: Path) -> None:
    """Let everybody read our own copy, whatever the umask made of it."""
    for folder, _, files in os.walk(copy):
        Path(folder).chmod(0o755)
        for name in files:
            path = Path(folder, name)
            if not path.is_symlink():
                path.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)
