"""Applications of five kinds as services: doubles, users and spans are the test's, in all of them."""

import asyncio

import fastapi_shop
import flask_shop
import pytest
import starlette_shop
from bookshop.asgi import application as django_asgi
from bookshop.books.models import Book
from bookshop.wsgi import application as django_wsgi

from enctest import Service, as_user, et
from prices import Prices, asked

SERVICES = {
    "django by wsgi": Service.from_wsgi(django_wsgi, "Bookshop"),
    "django by asgi": Service.from_asgi(django_asgi, "AsyncBookshop"),
    "flask": Service.from_wsgi(flask_shop.application, "FlaskShop"),
    "fastapi": Service.from_asgi(fastapi_shop.application, "FastShop"),
    "starlette": Service.from_asgi(starlette_shop.application, "StarShop"),
}


@pytest.fixture(params=SERVICES)
def shop(request):
    return SERVICES[request.param]


@pytest.fixture(autouse=True)
def dune():
    Book.objects.get_or_create(title="Dune", pages=412)


def test_the_view_calls_the_double_of_this_test(shop):
    assert shop.request("GET", "/books/Dune").json()["price"] == 990
    et.mock_endpoint(Prices.of, lambda title: len(title))
    answer = shop.request("GET", "/books/Dune")
    assert (answer.status, answer.json()["price"]) == (200, 4)
    assert answer.headers["content-type"] == "application/json"


def test_the_view_is_called_by_the_user_of_this_test(shop):
    with as_user("alice"):
        shop.request("GET", "/books/Dune")
    shop.request("GET", "/books/Dune")
    assert et.published_messages(asked) == ["Dune for alice", "Dune for nobody"]


def test_what_it_does_is_in_the_trace(shop):
    shop.request("GET", "/books/Dune")
    spans = et.spans()
    assert spans.named("Prices.of").under(f"{shop.__name__}.request").count == 1
    assert spans.named("publish prices-asked").under("Prices.of").count == 1
    assert spans.errors == []


def test_content_arrives(shop):
    title = f"{shop.__name__} in Cyrillic: Дюна"
    answer = shop.request("POST", "/books", json={"title": title, "pages": 3})
    assert (answer.status, answer.json()["title"]) == (201, title)


def test_it_can_be_awaited(shop):
    assert asyncio.run(shop.arequest("GET", "/books/Dune")).json()["price"] == 990


def test_a_view_that_fails_is_seen(shop):
    by_django = "Book" in shop.__name__
    if by_django or shop is SERVICES["flask"]:
        assert shop.request("GET", "/broken").status == 500  # the framework answers
    else:
        with pytest.raises(RuntimeError, match="the view is broken"):
            shop.request("GET", "/broken")


@pytest.mark.parametrize("name", [name for name in SERVICES if name != "flask"])
def test_asynchronous_views(name):
    et.mock_endpoint(Prices.later, lambda title: 7)
    assert SERVICES[name].request("GET", "/later/Dune?sort=up").json() == {"price": 7, "sort": "up"}


@pytest.mark.parametrize("name", ["django by wsgi", "django by asgi"])
def test_django_s_queries_are_in_the_trace(name):
    shop = SERVICES[name]
    shop.request("GET", "/books/Dune")
    (query,) = et.spans().named("SELECT*book*").under(f"{shop.__name__}.request")
    assert query.kind == "db"
    assert "Dune" in shop.request("GET", "/books").json()["titles"]


def test_the_lifespan_is_begun_once():
    for _ in range(2):
        SERVICES["fastapi"].request("GET", "/books/Dune", query={"sort": "down"})
    assert fastapi_shop.life == ["begun"]
