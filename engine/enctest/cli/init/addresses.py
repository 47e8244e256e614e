"""Where addresses of databases come from: variables in code, .env and compose files, Django."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from enctest.cli.init.files import Files

_ENV_FILES = (".env", ".env.*", "*.env", ".envrc", "alembic.ini", "yoyo.ini")
_COMPOSE = ("compose*.yml", "compose*.yaml", "docker-compose*.yml", "docker-compose*.yaml")
_ASSIGNED = re.compile(
    r"""^\s*(?:export\s+|-\s*)?["']?([\w.]+)["']?\s*[=:]\s*["']?"""
    r"""((?:postgres(?:ql)?|mysql|mariadb|sqlite|rediss?|valkey)(?:\+\w+)?:[^\s"']+)""",
    re.MULTILINE,
)
_IMAGE = re.compile(r"""^\s*image:\s*["']?([\w./-]+)(?::([\w.-]+))?""", re.MULTILINE)
_NAMED = re.compile(r"""^\s*-?\s*["']?POSTGRES_DB["']?\s*[=:]\s*["']?(\w+)""", re.MULTILINE)
_ASKED = re.compile(
    r"""["'](\w*(?:DATABASE|POSTGRES|PG|DB|REDIS|VALKEY)_?(?:URL|URI|DSN)|AWS_ENDPOINT_URL\w*|S3_ENDPOINT_URL)["']"""
)
_FIELD = re.compile(
    r"^\s+((?:\w+_)?(?:database|db|postgres|pg|redis|valkey)_?(?:url|uri|dsn))\s*:", re.MULTILINE
)
_PARTS = {"NAME": "{name}", "USER": "{user}", "PASSWORD": "{password}", "HOST": "{host}", "PORT": "{port}"}


@dataclass(frozen=True)
class Address:
    """A URL that was found; of it, what is no secret.

    Attributes:
        variable: What it is the value of.
        scheme: Such as `postgresql+asyncpg`.
        name: Of the database; empty when it has none.
        place: The file.
    """

    variable: str
    scheme: str
    name: str
    place: str


@dataclass(frozen=True)
class Image:
    """A service of a compose file: image without its registry, tag, the database it makes, the file."""

    image: str
    tag: str
    database: str
    place: str


@dataclass(frozen=True)
class Django:
    """Django's default database: the engine's last word, `env` as in the settings, the file."""

    engine: str
    env: str | dict[str, str] | None
    place: str


def addresses(files: Files, environment: Mapping[str, str]) -> Iterator[Address]:
    """Yield the URLs in the environment and in files that hold such values."""
    for variable, value in environment.items():
        for match in _ASSIGNED.finditer(f"{variable}={value}"):
            yield _address(match, "the environment")
    for path in files.named(*_ENV_FILES, *_COMPOSE):
        for match in _ASSIGNED.finditer(files.text(path)):
            yield _address(match, str(path))


def _address(match: re.Match[str], place: str) -> Address:
    variable, url = match.groups()
    try:
        parts = urlsplit(url)
    except ValueError:
        return Address(variable, url.partition(":")[0], "", place)
    return Address(variable, parts.scheme, Path(parts.path).name, place)


def images(files: Files) -> Iterator[Image]:
    """Yield the services of compose files."""
    for path in files.named(*_COMPOSE):
        text = files.text(path)
        named = _NAMED.search(text)
        for match in _IMAGE.finditer(text):
            yield Image(match[1].rpartition("/")[2], match[2] or "", named[1] if named else "", str(path))


def asked(files: Files) -> dict[str, str]:
    """Return the variables that Python code asks for and that sound like addresses, with the file."""
    found: dict[str, str] = {}
    for path in files.named("*.py"):
        text = files.text(path)
        for match in _ASKED.finditer(text):
            found.setdefault(match[1], str(path))
        if "BaseSettings" in text:
            for match in _FIELD.finditer(text):
                found.setdefault(match[1].upper(), str(path))
    return found


def django(files: Files) -> Django | None:
    """Return Django's default database, as far as its settings can be read without running them."""
    for path in files.named("*.py"):
        text = files.text(path)
        if re.search(r"^DATABASES\b.*=", text, re.MULTILINE):
            try:
                tree = ast.parse(text)
            except (SyntaxError, ValueError):
                continue
            for node in tree.body:
                if isinstance(node, ast.Assign | ast.AnnAssign) and _is_databases(node) and node.value:
                    return _default(node.value, str(path))
    return None


def _is_databases(node: ast.Assign | ast.AnnAssign) -> bool:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    return any(isinstance(target, ast.Name) and target.id == "DATABASES" for target in targets)


def _default(value: ast.expr, place: str) -> Django:
    default = _items(value).get("default", value)
    parts = _items(default)
    if not parts:  # env.db(), dj_database_url.config(): of a URL
        return Django("", _variable(default) or "DATABASE_URL", place)
    engine = parts.get("ENGINE")
    name = str(engine.value).rpartition(".")[2] if isinstance(engine, ast.Constant) else ""
    env = {
        variable: template
        for part, template in _PARTS.items()
        if part in parts and (variable := _variable(parts[part]))
    }
    return Django(name, env or None, place)


def _items(value: ast.expr) -> dict[str, ast.expr]:
    if not isinstance(value, ast.Dict):
        return {}
    pairs = zip(value.keys, value.values, strict=True)
    return {str(key.value): each for key, each in pairs if isinstance(key, ast.Constant)}


def _variable(value: ast.expr) -> str:
    """Return the variable that an expression asks for: `os.environ["X"]`, `getenv("X", ...)`, `env("X")`."""
    for node in ast.walk(value):
        asked = node.slice if isinstance(node, ast.Subscript) else None
        if isinstance(node, ast.Call) and node.args:
            asked = node.args[0]
        if (
            isinstance(asked, ast.Constant)
            and isinstance(asked.value, str)
            and re.fullmatch(r"[A-Z][A-Z0-9_]*", asked.value)
        ):
            return asked.value
    return ""
