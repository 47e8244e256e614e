"""The published schema of the settings, and that it and the parser agree."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import enctest
from enctest import config
from enctest.cli.schema import FILE, schema, text
from enctest.errors import EnctestError

ROOT = Path(__file__).parents[2]
DOCUMENTS = [
    "",
    "theme = 'nord'\nspans = false\nworkers = 3\nsnapshot-memory = 100\nignore = ['docs/*']",
    "watch = ['../lib']",
    "notify = 'bell'\nhints = false",
    "notify = 'loud'",
    "editor = 'code'\nkeys = { run-failed = 'f5' }",
    "keys = { run-failed = 5 }",
    "spans = 1",
    "spanz = true",
    "workers = -1",
    "workers = '4'",
    "workers = true",
    "snapshots = 0",
    "snapshots = 1.5",
    "snapshot_memory = 3",
    "ignore = 'docs/*'",
    "ignore = [1]",
    "databases = 3",
    "databases = { shop = 'x' }",
    "[databases.shop]",
    "[databases.shop]\nengine = 'valkey'\nversion = '8'\ntcp = true\nbin = '/x'\npool = 1",
    "[databases.shop]\noptions = { a = [1, { b = 2 }] }",
    "[databases.shop]\nversion = 16",
    "[databases.shop]\npool = 0",
    "[databases.shop]\nisolation = 'test'",
    "[databases.shop]\nisolation = 'own'",
    "[databases.shop]\nmigrations = 'm'\nseed = ['python', 'seed.py']\nmigration-timeout = 3",
    "[databases.shop]\nseed-files = ['*.json']",
    "[databases.shop]\nmigration-timeout = 0",
    "[databases.shop]\nmigrations = { a = 'b' }",
    "[databases.shop]\nenv = 'A'",
    "[databases.shop]\nenv = ['A', 'B']",
    "[databases.shop]\nenv = { PGHOST = '{host}' }",
    "[databases.shop]\nenv = { PGPORT = 5432 }",
    "[databases.shop]\nenv = 3",
    "[databases.shop]\nmigration = 'm'",
]


def accepted_by_parser(tmp_path: Path, document: str) -> bool:
    lines = document.replace("[databases", "[tool.enctest.databases")
    (tmp_path / "pyproject.toml").write_text(f"[tool.enctest]\n{lines}\n")
    try:
        config.load(tmp_path)
    except EnctestError:
        return False
    return True


def accepted_by_schema(document: str) -> bool:
    return bool(jsonschema.Draft202012Validator(schema()).is_valid(tomllib.loads(document)))


@pytest.mark.parametrize("document", DOCUMENTS)
def test_schema_and_parser_agree(tmp_path: Path, document: str) -> None:
    assert accepted_by_schema(document) == accepted_by_parser(tmp_path, document)


def test_the_documents_are_of_both_kinds() -> None:
    accepted = [document for document in DOCUMENTS if accepted_by_schema(document)]
    assert 10 < len(accepted) < len(DOCUMENTS) - 10
    used: set[str] = set()
    for document in accepted:
        table: dict[str, Any] = tomllib.loads(document)
        used |= set(table) | {key for each in table.get("databases", {}).values() for key in each}
    assert len(used) > 15


def test_the_published_file_is_up_to_date() -> None:
    path = Path(enctest.__file__).with_name(FILE)
    again = f"write it anew: enctest schema > {path.relative_to(ROOT)}"
    assert path.read_text(encoding="utf-8") == text(), again


def test_the_schema_is_one_and_describes_everything() -> None:
    found = json.loads(text())
    jsonschema.Draft202012Validator.check_schema(found)
    tables = [found["properties"], found["$defs"]["DatabaseSettings"]["properties"]]
    for name, each in [item for table in tables for item in table.items()]:
        assert each["description"], name
