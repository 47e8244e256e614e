"""What `migrations` and `seed` stand for: SQL files, or a tool of the project's and its files."""

from __future__ import annotations

import configparser
import os
import re
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Literal

from enctest.databases import migrations
from enctest.databases.imported import imported_files
from enctest.databases.migrations import Migration
from enctest.errors import EnctestError
from enctest.foreign import is_foreign_folder

Kind = Literal["alembic", "django", "yoyo", "command"]

_SETTINGS_MODULE = re.compile(r"""DJANGO_SETTINGS_MODULE['"]\s*,\s*['"]([\w.]+)['"]""")
_YOYO = re.compile(r"^\s*(from|import)\s+yoyo\b", re.MULTILINE)


@dataclass(frozen=True)
class Tool:
    """A program that migrates or seeds.

    Attributes:
        kind: Which.
        target: The file or folder named in the settings; the command.
        folder: Where it runs.
        files: All files its result depends on, as far as they can be told, sorted.
    """

    kind: Kind
    target: tuple[str, ...]
    folder: Path
    files: tuple[Path, ...]

    def __str__(self) -> str:
        return " ".join(self.target) if self.kind == "command" else self.kind.capitalize()

    def digest(self) -> str:
        """Return a hash of the tool, what it is told, and the files as they are now."""
        total = sha256("\0".join([self.kind, *self.target]).encode())
        for path in self.files:
            total.update(f"\0{path}\0".encode("utf-8", "surrogateescape"))
            total.update(sha256(_content(path)).digest())
        return total.hexdigest()


Step = Migration | Tool


def steps(
    root: Path, setting: str | list[str], *, more: Iterable[str] = (), what: str = "migrations"
) -> tuple[Step, ...]:
    """Return what to run for a setting.

    Args:
        root: The project's root.
        setting: A path relative to it, or a command.
        more: Glob patterns of further files that count.
        what: The setting's name, for messages.

    Raises:
        EnctestError: What it names is not there, or cannot be told to be anything that we can run.
    """
    if not setting:
        return ()
    extra = [path for pattern in more for path in _glob(root, pattern, what)]
    if isinstance(setting, list):
        return (Tool("command", tuple(setting), root, _sorted([*_named(root, setting), *extra])),)
    path = root / setting
    kind = _kind(path, what)
    if kind is None:
        return migrations.read(migrations.find(path, what))
    folder = path.parent if path.is_file() else root
    files = {"alembic": _of_alembic, "django": _of_django, "yoyo": _of_yoyo}[kind](root, path)
    return (Tool(kind, (str(path),), folder, _sorted([*files, *extra])),)


def _kind(path: Path, what: str) -> Literal["alembic", "django", "yoyo"] | None:
    """Return the tool that a path belongs to; None for plain SQL files."""
    if path.name == "manage.py":
        return "django"
    if path.suffix in {".ini", ".cfg", ".toml"}:
        if _alembic_section(path) is not None:
            return "alembic"
        if _yoyo_sources(path):
            return "yoyo"
        raise EnctestError(
            f"`{what}` names {path}, which configures neither Alembic nor yoyo",
            "It needs a section [alembic] (in a .toml file [tool.alembic]) or yoyo's `sources`; "
            "any other tool is run with a command, as a list.",
        )
    if path.is_dir():
        if (path / "env.py").is_file():
            return "alembic"
        if any(_YOYO.search(_content(file).decode(errors="replace")) for file in path.glob("*.py")):
            return "yoyo"
    return None


def _of_alembic(root: Path, path: Path) -> Iterable[Path]:
    if path.is_dir():
        folders = [path]
    else:
        section = _alembic_section(path) or {}
        places = [
            section.get("script_location", ""),
            *re.split(r"[\s,;]+", section.get("version_locations", "")),
        ]
        folders = [_place(place, path.parent) for place in places if place]
    found = [file for folder in folders for file in _below(folder) if file.suffix in {".py", ".sql", ".mako"}]
    # env.py imports the models, which do not decide what the revisions do.
    revisions = [file for file in found if file.suffix == ".py" and file.name != "env.py"]
    return [
        *([path] if path.is_file() else []),
        *found,
        *imported_files(revisions, _bases(root, path.parent)),
    ]


def _of_django(root: Path, path: Path) -> Iterable[Path]:
    own = [
        file for file in _below(root) if file.parent.name == "migrations" and file.suffix in {".py", ".sql"}
    ]
    bases = _bases(root, path.parent)
    name = os.environ.get("DJANGO_SETTINGS_MODULE")
    if match := _SETTINGS_MODULE.search(_content(path).decode(errors="replace")):
        name = name or match[1]
    settings = [
        file for base in bases if name and (file := base / (name.replace(".", "/") + ".py")).is_file()
    ]
    start = [path, *settings, *(file for file in own if file.suffix == ".py")]
    return [path, *own, *settings, *imported_files(start, bases)]


def _of_yoyo(root: Path, path: Path) -> Iterable[Path]:
    folders = [path] if path.is_dir() else [path.parent / source for source in _yoyo_sources(path)]
    found = [file for folder in folders for file in _below(folder) if file.suffix in {".py", ".sql"}]
    python = [file for file in found if file.suffix == ".py"]
    return [*([path] if path.is_file() else []), *found, *imported_files(python, _bases(root, path.parent))]


def _alembic_section(path: Path) -> dict[str, str] | None:
    """Return Alembic's settings in a file; None when it has none."""
    if path.suffix == ".toml":
        try:
            table = tomllib.loads(_content(path).decode(errors="replace")).get("tool", {}).get("alembic")
        except tomllib.TOMLDecodeError as error:
            raise EnctestError(f"{path} is not valid TOML: {error}") from error
        return None if table is None else {key: str(value) for key, value in table.items()}
    parser = _parsed(path)
    return dict(parser.items("alembic")) if parser.has_section("alembic") else None


def _yoyo_sources(path: Path) -> list[str]:
    return [] if path.suffix == ".toml" else _parsed(path).defaults().get("sources", "").split()


def _parsed(path: Path) -> configparser.RawConfigParser:
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, configparser.Error) as error:
        raise EnctestError(f"{path} cannot be read: {error}") from error
    return parser


def _place(name: str, here: Path) -> Path:
    """Return the folder that Alembic means; `package:folder` is one of the project's packages."""
    package, colon, rest = name.replace("%(here)s", str(here)).partition(":")
    return here / package.replace(".", "/") / rest if colon else here / package


def _named(root: Path, command: Iterable[str]) -> Iterator[Path]:
    """Yield the project's files that a command names, and those in folders it names."""
    for word in command:
        path = root / word
        try:
            if path.is_file():
                yield path
            elif path.is_dir() and path != root:
                yield from _below(path)
        except OSError:
            continue  # too long to be a name


def _glob(root: Path, pattern: str, what: str) -> Iterator[Path]:
    try:
        yield from (path for path in root.glob(pattern) if path.is_file())
    except (ValueError, NotImplementedError) as error:
        raise EnctestError(
            f"the pattern {pattern!r} of more files for `{what}` cannot be used: {error}"
        ) from error


def _below(folder: Path) -> Iterator[Path]:
    """Yield all files below a folder that are the project's own."""
    for where, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not is_foreign_folder(os.path.join(where, name), name)]  # noqa: PTH118
        yield from (Path(where, name) for name in files if not name.endswith((".pyc", ".pyo")))


def _bases(root: Path, folder: Path) -> tuple[Path, ...]:
    return tuple(dict.fromkeys([folder, root, root / "src"]))


def _sorted(paths: Iterable[Path]) -> tuple[Path, ...]:
    return tuple(sorted(set(paths)))


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""  # gone: another hash; who runs it says what is missing
