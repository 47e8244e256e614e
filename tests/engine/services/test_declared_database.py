"""A database that only tests declare, in a conftest: started when a test asks for it."""

from __future__ import annotations

import pytest
from tests.engine.services.conftest import MakeProject

FILES = {
    "pyproject.toml": """
        [tool.pytest.ini_options]
        pythonpath = ["."]
        """,
    "audit/1_entries.up.sql": "CREATE TABLE entry (what text NOT NULL);\n",
    "audit.sql": "INSERT INTO entry VALUES ('seeded');\n",
    "conftest.py": """
        import pytest
        from enctest import Database

        audit = Database("audit", migrations="audit", seed="audit.sql")

        @pytest.fixture
        def entries():
            import psycopg
            with psycopg.connect(audit.url) as connection:
                yield connection
        """,
    "test_audit.py": """
        def test_it_is_migrated_and_seeded(entries):
            assert ("seeded",) in entries.execute("SELECT what FROM entry").fetchall()

        def test_it_may_be_written_to(entries):
            entries.execute("INSERT INTO entry VALUES ('mine')")

        def test_without(): pass

        def test_a_fork_has_the_same_one():
            import multiprocessing
            from conftest import audit

            context = multiprocessing.get_context("fork")
            queue, before = context.SimpleQueue(), audit.url
            process = context.Process(target=lambda: queue.put(audit.url))
            process.start()
            assert queue.get() == before
            process.join()
        """,
    "test_wrong.py": """
        import pytest
        from enctest import Database

        def test_a_setting_that_is_none():
            with pytest.raises(Exception, match="there is no setting .migration"):
                Database("other", migration="audit").url
        """,
}


@pytest.mark.parametrize("args", [("-q",), ("-q", "-n", "2")], ids=str)
def test_only_who_asks_starts_it(project: MakeProject, args: tuple[str, ...]) -> None:
    sample = project(FILES)
    done = sample.enctest(*args)
    assert "5 passed" in done.stdout, done.stdout + done.stderr
    assert done.returncode == 0


def test_its_own_variable_comes_first(project: MakeProject) -> None:
    sample = project(FILES)
    there = "postgresql://nobody@/nowhere?host=/nonexistent&port=1"
    done = sample.enctest("-q", "test_audit.py", AUDIT_DATABASE_URL=there, DATABASE_URL="postgresql://x")
    assert "2 errors" in done.stdout, done.stdout
    assert "/nonexistent" in done.stdout


def test_a_changed_migration_reruns_the_tests_that_ask_for_it(project: MakeProject) -> None:
    with project(FILES).watch() as watch:
        assert set(watch.outcomes().values()) == {"passed"}
        again = watch.edit("audit/1_entries.up.sql", "what text NOT NULL", "what text NOT NULL DEFAULT ''")
        assert set(again) == {
            "test_audit.py::test_it_is_migrated_and_seeded",
            "test_audit.py::test_it_may_be_written_to",
            "test_audit.py::test_a_fork_has_the_same_one",
        }
