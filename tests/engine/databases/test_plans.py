"""The hash of all that goes into a template."""

from __future__ import annotations

from pathlib import Path

import pytest

from enctest.config import DatabaseSettings
from enctest.databases import plans
from enctest.errors import EnctestError


def _write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


def _chain(root: Path, settings: DatabaseSettings) -> tuple[str, ...]:
    return plans.make("shop", settings, root).chain()


def test_files_that_were_appended_have_what_was_before_as_their_beginning(tmp_path: Path) -> None:
    settings = DatabaseSettings(migrations="sql")
    before = _chain(_write(tmp_path, {"sql/1_a.sql": "select 1", "sql/2_b.sql": "select 2"}), settings)

    after = _chain(_write(tmp_path, {"sql/3_c.sql": "select 3"}), settings)

    assert after[:3] == before
    assert len(after) == 4
    changed = _chain(_write(tmp_path, {"sql/1_a.sql": "select 0"}), settings)
    assert changed[0] == before[0]
    assert not set(changed[1:]) & set(after)
    (tmp_path / "sql" / "1_a.sql").rename(tmp_path / "sql" / "0_a.sql")
    assert not set(_chain(tmp_path, settings)[1:]) & set(changed)


def test_a_seed_is_another_step_than_a_migration(tmp_path: Path) -> None:
    _write(tmp_path, {"a.sql": "select 1"})

    migrated = _chain(tmp_path, DatabaseSettings(migrations="a.sql"))
    seeded = _chain(tmp_path, DatabaseSettings(seed="a.sql"))

    assert migrated[0] == seeded[0]
    assert migrated[1] != seeded[1]


def test_alembic_s_folder_configuration_and_what_revisions_import_count(tmp_path: Path) -> None:
    _write(
        tmp_path,
        {
            "alembic.ini": "[alembic]\nscript_location = %(here)s/db\n",
            "db/env.py": "import shop.models",
            "db/versions/1_a.py": "from shop.names import NAME",
            "shop/__init__.py": "",
            "shop/models.py": "",
            "shop/names.py": "from . import deeper",
            "shop/deeper.py": "",
            "shop/other.py": "",
        },
    )
    settings = DatabaseSettings(migrations="alembic.ini", migration_files=["*.txt"])
    _write(tmp_path, {"more.txt": ""})

    names = {str(path.relative_to(tmp_path)) for path in plans.files("shop", settings, tmp_path)}

    assert names == {
        "alembic.ini", "db/env.py", "db/versions/1_a.py", "more.txt",
        "shop/__init__.py", "shop/names.py", "shop/deeper.py",
    }  # fmt: skip
    before = _chain(tmp_path, settings)
    _write(tmp_path, {"shop/deeper.py": "NAME = 1"})
    assert _chain(tmp_path, settings) != before
    before = _chain(tmp_path, settings)
    _write(tmp_path, {"shop/models.py": "NAME = 1"})
    assert _chain(tmp_path, settings) == before


def test_what_a_command_names_counts(tmp_path: Path) -> None:
    _write(tmp_path, {"make.py": "", "tables/a.sql": "", "other.py": ""})
    settings = DatabaseSettings(migrations=["python", "make.py", "tables", "--fast"])

    names = {path.name for path in plans.files("shop", settings, tmp_path)}

    assert names == {"make.py", "a.sql"}
    assert _chain(tmp_path, settings) != _chain(tmp_path, DatabaseSettings(migrations=["make.py", "tables"]))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [("[other]\n", "configures neither Alembic nor yoyo"), ("[alembic\n", "cannot be read")],
)
def test_a_configuration_of_no_known_tool_is_told(tmp_path: Path, text: str, complaint: str) -> None:
    _write(tmp_path, {"some.ini": text})

    with pytest.raises(EnctestError, match=complaint):
        plans.make("shop", DatabaseSettings(migrations="some.ini"), tmp_path)


def test_the_database_that_a_file_belongs_to(tmp_path: Path) -> None:
    _write(tmp_path, {"sql/1.sql": "", "seed.sql": "", "make.py": ""})
    databases = {
        "shop": DatabaseSettings(migrations="sql", seed="seed.sql"),
        "log": DatabaseSettings(migrations=["python", "make.py"], env="LOG"),
    }

    def touched(*names: str) -> tuple[str, ...]:
        return plans.touched(databases, tmp_path, [tmp_path / name for name in names])

    assert touched("sql/1.sql") == touched("sql/9_gone.sql") == touched("seed.sql") == ("shop",)
    assert touched("make.py") == ("log",)
    assert touched("make.py", "seed.sql") == ("shop", "log")
    assert touched("other.py", "a.sql", "sql/README.md") == ()
