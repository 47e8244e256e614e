import sqlalchemy as sa
from shop.tables import engine, items


def test_what_migrations_made() -> None:
    with engine.connect() as connection:
        assert connection.execute(sa.select(items.c.name, items.c.price)).all() == [("tea", 1)]
        assert connection.scalar(sa.text("SELECT version_num FROM alembic_version")) == "0002"


def test_database_and_role() -> None:
    with engine.connect() as connection:
        assert connection.execute(sa.text("SELECT current_database(), current_user")).one()[1] == "enctest"
