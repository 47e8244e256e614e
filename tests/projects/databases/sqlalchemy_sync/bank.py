"""Accounts, with an engine and a session factory that are made when this is imported."""

import os

from sqlalchemy import BigInteger, ForeignKey, Identity, create_engine, func, select
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, sessionmaker

engine = create_engine(os.environ["DATABASE_URL"], pool_size=3)
Session = sessionmaker(engine)


class Base(DeclarativeBase):
    pass


class Account(Base):
    __tablename__ = "account"
    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    owner: Mapped[str]
    balance: Mapped[int] = mapped_column(default=0)


class Entry(Base):
    __tablename__ = "entry"
    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    account: Mapped[int] = mapped_column(ForeignKey("account.id"))
    amount: Mapped[int]


def open_account(owner: str) -> int:
    with Session.begin() as session:
        account = Account(owner=owner)
        session.add(account)
        session.flush()
        return account.id


def pay_in(number: int, amount: int) -> int:
    with Session.begin() as session:
        account = session.get_one(Account, number, with_for_update=True)
        account.balance += amount
        session.add(Entry(account=number, amount=amount))
        return account.balance


def owners() -> list[str]:
    with Session.begin() as session:
        return list(session.scalars(select(Account.owner).order_by(Account.id)))


def entries() -> int:
    with Session.begin() as session:
        return session.scalar(select(func.count()).select_from(Entry)) or 0
