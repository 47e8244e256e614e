"""`enctest init` on real projects: what it proposes works, and it writes only what was agreed to."""

from __future__ import annotations

import re
import shutil
import sys
import tomllib
from pathlib import Path

import pytest
from tests.e2e.conftest import MakeSample
from tests.e2e.terminal import Terminal
from tests.harness import Sample

PROJECTS = Path(__file__).parents[1] / "projects"
WEB = {
    "compose.yaml": """
        services:
          web:
            environment:
              DATABASE_URL: postgresql+asyncpg://app:secret@db/orders
          db:
            image: docker.io/library/postgres:16-alpine
          cache:
            image: valkey/valkey:8
        """,
    "pyproject.toml": '[project]\nname = "web"\ndependencies = ["asyncpg", "sqlalchemy>=2"]',
    "app.py": "import os\nurl = os.environ['DATABASE_URL']\ncache = os.getenv('REDIS_URL')\n",
    "db/migrations/0001_tables.up.sql": "create table orders (id int);\n",
    "test_app.py": "import app\ndef test_it():\n"
    "    assert app.url.startswith('postgresql+asyncpg:')\n"
    "    assert app.cache.startswith('unix:')\n",
}


def stripped(sample: Sample, name: str) -> None:
    """Make the sample one of ours, without what `init` is to find."""
    shutil.copytree(PROJECTS / name, sample.root, dirs_exist_ok=True)
    path = sample.root / "pyproject.toml"
    text = re.sub(r"(?ms)^\[tool\.enctest.*?(?=^\[(?!tool\.enctest)|\Z)", "", path.read_text())
    assert "enctest" not in text
    path.write_text(text)


def databases(sample: Sample) -> dict[str, dict[str, object]]:
    text = (sample.root / "pyproject.toml").read_text()
    found: dict[str, dict[str, object]] = tomllib.loads(text)["tool"]["enctest"]["databases"]
    return found


@pytest.mark.parametrize("name", ["alembic_shop", "yoyo_shop"])
def test_a_project_runs_on_what_init_has_written(sample: MakeSample, name: str) -> None:
    project = sample({})
    stripped(project, name)
    done = project.enctest("init", "--yes")
    assert done.returncode == 0, done.stderr
    run = project.enctest("-q", "-p", "no:randomly")
    assert run.returncode == 0, run.stdout + run.stderr


def test_djangos_settings_are_read_without_being_run(sample: MakeSample) -> None:
    project = sample({})
    stripped(project, "django_shop")
    assert project.enctest("init", "--yes").returncode == 0
    (found,) = databases(project).values()
    assert found == {
        "migrations": "manage.py",
        "env": {
            "DB_NAME": "{name}",
            "DB_USER": "{user}",
            "DB_PASSWORD": "{password}",
            "DB_HOST": "{host}",
            "DB_PORT": "{port}",
        },
    }


def test_compose_files_and_code_say_what_there_is(sample: MakeSample) -> None:
    project = sample(WEB)
    shown = project.enctest("init")
    assert (shown.returncode, "Nothing is written" in shown.stdout) == (1, True)
    assert (project.root / "pyproject.toml").read_text() == WEB["pyproject.toml"]
    assert "compose.yaml: image postgres:16-alpine" in shown.stdout
    assert "secret" not in shown.stdout
    assert project.enctest("init", "--yes").returncode == 0
    found = databases(project)
    assert list(found) == ["orders", "cache"]
    orders = {key: value for key, value in found["orders"].items() if key != "version"}
    assert orders == {"migrations": "db/migrations", "scheme": "postgresql+asyncpg", "env": "DATABASE_URL"}
    assert found["cache"] == {"engine": "valkey", "env": "REDIS_URL"}
    text = (project.root / "pyproject.toml").read_text()
    assert text.startswith(WEB["pyproject.toml"] + "\n\n#")
    run = project.enctest("-q")
    assert run.returncode == 0, run.stdout + run.stderr
    again = project.enctest("init", "--yes")
    assert (again.returncode, "nothing is written" in again.stderr) == (1, True)
    assert (project.root / "pyproject.toml").read_text() == text


@pytest.mark.parametrize(("answer", "code"), [("y\r", 0), ("\r", 1), ("\x04", 1), ("\x03", 130)])
def test_it_asks_before_it_writes(sample: MakeSample, answer: str, code: int) -> None:
    project = sample(WEB)
    before = (project.root / "pyproject.toml").read_text()
    command = [sys.executable, "-P", "-c", "import enctest.cli, sys; sys.exit(enctest.cli.main())", "init"]
    terminal = Terminal(command, cwd=project.root, env=project.env)
    try:
        terminal.see("[tool.enctest.databases.orders]", "Write it? [y/N]")
        assert (project.root / "pyproject.toml").read_text() == before
        terminal.press(answer)
        assert terminal.ended() == code
    finally:
        terminal.close()
    assert ((project.root / "pyproject.toml").read_text() == before) == (code != 0)


def test_a_project_without_databases_needs_nothing(sample: MakeSample) -> None:
    project = sample({"test_a.py": "def test_a():\n    pass\n", "notes.sql": "select 1;\n"})
    done = project.enctest("init", "--yes")
    assert (done.returncode, done.stderr) == (0, "")
    assert "nothing has to be configured" in done.stdout
    assert "enctest" not in (project.root / "pyproject.toml").read_text()


def test_a_file_that_cannot_take_tables_stays_as_it_is(sample: MakeSample) -> None:
    text = "tool = { enctest = { spans = false } }\n"
    project = sample(WEB | {"pyproject.toml": text})
    done = project.enctest("init", "--yes")
    assert (done.returncode, "by hand" in done.stderr) == (1, True)
    assert (project.root / "pyproject.toml").read_text() == text


def test_line_ends_are_kept(sample: MakeSample) -> None:
    project = sample(WEB)
    path = project.root / "pyproject.toml"
    path.write_bytes(b'[project]\r\nname = "web"\r\n')
    assert project.enctest("init", "--yes").returncode == 0
    data = path.read_bytes()
    assert data.startswith(b'[project]\r\nname = "web"\r\n\r\n#')
    assert data.count(b"\n") == data.count(b"\r\n")
