"""The same in FastAPI."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from prices import Prices

life: list[str] = []


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    life.append("begun")
    yield
    life.append("over")


application = FastAPI(lifespan=lifespan)


@application.get("/books/{title}")
def book(title: str, sort: str = "") -> dict[str, object]:
    return {"title": title, "price": Prices.of(title), "sort": sort}


@application.get("/later/{title}")
async def later(title: str, sort: str = "") -> dict[str, object]:
    return {"price": await Prices.later(title), "sort": sort}


@application.post("/books", status_code=201)
def add(book: dict[str, object]) -> dict[str, object]:
    return book


@application.get("/broken")
async def broken() -> str:
    raise RuntimeError("the view is broken")
