"""Accounts, with an asynchronous engine that is made when this is imported."""

import os

from sqlalchemy import BigInteger, Enum, Identity, select
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

engine = create_async_engine(os.environ["DATABASE_URL"], pool_size=3)
Session = async_sessionmaker(engine)


class Base(DeclarativeBase):
    pass


class Account(Base):
    __tablename__ = "account"
    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    owner: Mapped[str]
    balance: Mapped[int] = mapped_column(BigInteger, default=0)
    kind: Mapped[str] = mapped_column(Enum("private", "business", name="kind"), default="private")


async def open_account(owner: str, kind: str = "private") -> int:
    async with Session.begin() as session:
        account = Account(owner=owner, kind=kind)
        session.add(account)
        await session.flush()
        return account.id


async def owners(kind: str) -> list[str]:
    async with Session() as session:
        found = await session.scalars(select(Account.owner).where(Account.kind == kind).order_by(Account.id))
        return list(found)
