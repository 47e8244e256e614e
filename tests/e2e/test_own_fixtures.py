"""Suites that bring fixtures of their own for databases keep them on the managed server.

pytest-django's are in test_migration_tools.py; pytest-postgresql's in the benchmark of databases, since its
plugin would be loaded by every other test's pytest too.
"""

from __future__ import annotations

import pytest
from tests.e2e.conftest import MakeSample

MODELS = """
    from sqlalchemy import String
    from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

    class Base(DeclarativeBase):
        pass

    class Item(Base):
        __tablename__ = "item"
        id: Mapped[int] = mapped_column(primary_key=True)
        name: Mapped[str] = mapped_column(String, unique=True)
    """
CONFTEST = """
    import os

    import pytest
    from models import Base
    from sqlalchemy import create_engine, make_url, text
    from sqlalchemy.orm import Session

    URL = make_url(os.environ["DATABASE_URL"])

    @pytest.fixture(scope="session")
    def engine(worker_id):
        name = f"suite_{worker_id}"
        server = create_engine(URL, isolation_level="AUTOCOMMIT")
        with server.connect() as connection:
            connection.execute(text(f"drop database if exists {name}"))
            connection.execute(text(f"create database {name}"))
        engine = create_engine(URL.set(database=name))
        Base.metadata.create_all(engine)
        yield engine
        engine.dispose()
        with server.connect() as connection:
            connection.execute(text(f"drop database {name}"))
        server.dispose()

    @pytest.fixture
    def session(engine):
        with engine.connect() as connection, connection.begin() as transaction:
            with Session(connection, join_transaction_mode="create_savepoint") as session:
                yield session
            transaction.rollback()
    """
TESTS = """
    import pytest
    from models import Item
    from sqlalchemy import func, select
    from sqlalchemy.exc import IntegrityError

    @pytest.mark.parametrize("attempt", range(6))
    def test_it(session, attempt):
        assert session.scalar(select(func.count()).select_from(Item)) == 0
        session.add(Item(name="tea"))
        session.commit()
        session.add(Item(name="tea"))
        with pytest.raises(IntegrityError):
            session.commit()
        session.rollback()
        assert session.scalar(select(func.count()).select_from(Item)) == 1
    """


@pytest.mark.parametrize("isolation", ["shared", "test"])
def test_a_database_and_a_rollback_of_the_suite_s_own(sample: MakeSample, isolation: str) -> None:
    declared = f"""
        [tool.pytest.ini_options]
        pythonpath = ["."]
        [tool.enctest.databases.shop]
        isolation = "{isolation}"
        scheme = "postgresql+psycopg"
        """
    files = {"models.py": MODELS, "conftest.py": CONFTEST, "test_a.py": TESTS, "test_b.py": TESTS}
    done = sample(files | {"pyproject.toml": declared}).enctest("-n", "2")
    assert "12 passed" in done.stdout, done.stdout + done.stderr
