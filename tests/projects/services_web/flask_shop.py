"""The same in Flask."""

from flask import Flask, request

from prices import Prices

application = Flask("shop")


@application.get("/books/<title>")
def book(title: str) -> dict[str, object]:
    return {"title": title, "price": Prices.of(title), "sort": request.args.get("sort", "")}


@application.post("/books")
def add() -> tuple[dict[str, object], int]:
    return dict(request.get_json()), 201


@application.get("/broken")
def broken() -> str:
    raise RuntimeError("the view is broken")
