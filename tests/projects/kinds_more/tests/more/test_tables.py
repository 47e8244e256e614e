import pytest
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from catalog.tables import Base, Item


@pytest.fixture(scope="session")
def engine():
    engine = create_engine("sqlite://")
    Base.metadata.create_all(engine)
    yield engine
    engine.dispose()


def test_state_of_item(engine):
    with Session(engine) as session:
        session.add(item := Item())
        session.flush()
        assert item.state == "new"


def test_note_may_be_missing(engine):
    with Session(engine) as session:
        session.add(item := Item(state="old"))
        session.flush()
        assert item.note is None
