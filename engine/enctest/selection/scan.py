"""A look at all project files: what is there, and what is different from the last time."""

from __future__ import annotations

import hashlib
import os
import platform
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from enctest.foreign import is_foreign_folder
from enctest.selection.fingerprint import FORMAT, PYTHON_FILES, Fingerprint, fingerprint, is_test_module

_SETTLED_NS = 2_000_000_000
_LARGE = 8 * 1024 * 1024


class FileStamp(msgspec.Struct, frozen=True, kw_only=True):
    """What a file looked like from outside when its content was read.

    Attributes:
        mtime_ns, ctime_ns, size, inode: As `os.stat` says.
        read_ns: When it was read (nanoseconds since the epoch).
        digest: SHA-256 (hex) of the content; of size and time when it is larger than 8 MB.
        format: The format of fingerprints then.
    """

    mtime_ns: int
    ctime_ns: int
    size: int
    inode: int
    read_ns: int
    digest: str
    format: str = FORMAT


class Scan(msgspec.Struct, frozen=True, kw_only=True):
    """What a scan found.

    Attributes:
        stamps: All files, by path relative to the root: the next scan's `known`.
        changes: New fingerprints of files that are new or differ from `known`; None for those that are gone.
    """

    stamps: dict[str, FileStamp]
    changes: dict[str, Fingerprint | None]


def scan(root: Path, known: Mapping[str, FileStamp], *, python_files: Sequence[str] = PYTHON_FILES) -> Scan:
    """Look at all files of a project; only those that look different from `known` are read.

    A file that was read within two seconds of its last change is read again: it may have changed since,
    without any trace in its times.
    """
    stamps: dict[str, FileStamp] = {}
    changes: dict[str, Fingerprint | None] = {}
    for path in project_files(root):
        before = known.get(path)
        found = look(root, path, before, python_files=python_files)
        if found is None:
            continue
        stamps[path], print_ = found
        if print_ is not None:
            changes[path] = print_
    changes.update((path, None) for path in known if path not in stamps)
    return Scan(stamps=stamps, changes=changes)


def look(
    root: Path, path: str, known: FileStamp | None, *, python_files: Sequence[str] = PYTHON_FILES
) -> tuple[FileStamp, Fingerprint | None] | None:
    """Look at one file; return its stamp, and its fingerprint if it differs; None if it is gone."""
    file = os.path.join(root, path)
    if known is not None and known.format != FORMAT:
        known = None
    try:
        status = os.stat(file)
        if known is not None and _is_unchanged(known, status):
            return known, None
        read_ns = time.time_ns()
        if status.st_size > _LARGE:
            found = _of_large(path, status, python_files)
        else:
            with open(file, "rb") as stream:
                source = stream.read()
            if known is not None and known.digest == hashlib.sha256(source).hexdigest():
                return _stamp(status, read_ns, known.digest), None
            found = fingerprint(path, source, python_files)
    except OSError:
        return None
    same = known is not None and known.digest == found.digest
    return _stamp(status, read_ns, found.digest), None if same else found


def _stamp(status: os.stat_result, read_ns: int, digest: str) -> FileStamp:
    return FileStamp(
        mtime_ns=status.st_mtime_ns,
        ctime_ns=status.st_ctime_ns,
        size=status.st_size,
        inode=status.st_ino,
        read_ns=read_ns,
        digest=digest,
    )


def project_files(root: Path) -> Iterator[str]:
    """Yield the paths of the project's own files, relative to the root, with slashes."""
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(
            name for name in folders if not is_foreign_folder(os.path.join(folder, name), name)
        )
        relative = os.path.relpath(folder, root).replace(os.sep, "/")
        prefix = "" if relative == "." else f"{relative}/"
        for name in sorted(files):
            if not name.endswith((".pyc", ".pyo")):
                yield prefix + name


def is_as_stamped(root: Path, path: str, stamp: FileStamp | None) -> bool:
    """Tell whether a file looks from outside as it did when it was read; None: when it was not there."""
    try:
        status = os.stat(os.path.join(root, path))
    except OSError:
        return stamp is None
    return stamp is not None and _looks(status) == (stamp.mtime_ns, stamp.ctime_ns, stamp.size, stamp.inode)


def differing(root: Path, known: Mapping[str, FileStamp]) -> set[str]:
    """Return the paths of files that look different from outside than when they were read; reads nothing."""
    found = set()
    seen = set()
    for path in project_files(root):
        seen.add(path)
        stamp = known.get(path)
        try:
            status = os.stat(os.path.join(root, path))
        except OSError:
            continue
        if stamp is None or (stamp.mtime_ns, stamp.ctime_ns, stamp.size, stamp.inode) != _looks(status):
            found.add(path)
    return found | (known.keys() - seen)


def environment_key(site_packages: Iterable[Path], python: str = "") -> str:
    """Return a key that changes when the interpreter or the set of installed distributions does.

    Args:
        site_packages: Folders where the interpreter's distributions are installed.
        python: Version of the interpreter; empty means the current one's.
    """
    names = {
        entry.name
        for folder in site_packages
        if folder.is_dir()
        for entry in os.scandir(folder)
        if entry.name.endswith((".dist-info", ".egg-info", ".egg-link", ".pth"))
    }
    text = "\n".join([python or platform.python_version(), *sorted(names)])
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def _is_unchanged(known: FileStamp, status: os.stat_result) -> bool:
    return (known.mtime_ns, known.ctime_ns, known.size, known.inode) == _looks(
        status
    ) and known.read_ns - max(known.mtime_ns, known.ctime_ns) > _SETTLED_NS


def _looks(status: os.stat_result) -> tuple[int, int, int, int]:
    return status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino


def _of_large(path: str, status: os.stat_result, python_files: Sequence[str]) -> Fingerprint:
    text = f"{status.st_size} {status.st_mtime_ns}".encode()
    digest = hashlib.sha256(text).hexdigest()
    return Fingerprint(digest=digest, level=digest, tests=is_test_module(path, python_files))
