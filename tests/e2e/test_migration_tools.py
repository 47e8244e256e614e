"""The sample projects of Alembic, Django and yoyo, as a user runs them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests.e2e.conftest import MakeSample
from tests.harness import Sample, processes_of

PROJECTS = Path(__file__).parents[1] / "projects"


def _copy(sample: MakeSample, name: str) -> Sample:
    project = sample({})
    shutil.copytree(PROJECTS / name, project.root, dirs_exist_ok=True)
    return project


@pytest.mark.parametrize("name", ["alembic_shop", "django_shop", "yoyo_shop"])
def test_a_plain_run_finds_the_database_migrated_and_seeded(sample: MakeSample, name: str) -> None:
    project = _copy(sample, name)

    done = project.enctest("-q")

    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout
    assert not processes_of(project.runtime)


def test_pytest_django_may_make_a_database_of_its_own(sample: MakeSample) -> None:
    project = _copy(sample, "django_shop")

    for _ in range(2):
        done = project.enctest("-q", "own")
        assert done.returncode == 0, done.stdout + done.stderr


def test_a_home_that_cannot_be_written_only_costs_time(sample: MakeSample) -> None:
    project = _copy(sample, "yoyo_shop")

    for _ in range(2):
        done = project.enctest("-q", HOME="/proc", XDG_CACHE_HOME="/proc/enctest")
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stderr == ""


def test_a_changed_revision_reruns_the_tests_of_its_database(sample: MakeSample) -> None:
    project = _copy(sample, "alembic_shop")
    project.write("tests/test_alone.py", "def test_alone():\n    pass\n")
    with project.watch() as watch:
        assert set(watch.outcomes().values()) == {"passed"}
        ran = watch.edit("db/versions/0002_price.py", "'tea'", "'milk'")
        assert ran["tests/test_items.py::test_what_migrations_made"] == "failed"
        assert "tests/test_alone.py::test_alone" not in ran
        ran = watch.edit("db/versions/0002_price.py", "INSERT INTO items", "INSERT INTO itmes")
        assert ran == {}
        (error,) = watch.new("error")
        assert "db/versions/0002_price.py, line 12: relation" in error["message"]
        ran = watch.edit(
            "db/versions/0002_price.py",
            "INTO itmes (name) VALUES ('milk')",
            "INTO items (name) VALUES ('tea')",
        )
        assert ran["tests/test_items.py::test_what_migrations_made"] == "passed"
