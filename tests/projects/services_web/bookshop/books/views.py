"""Answers."""

import json

from django.http import HttpRequest, JsonResponse

from bookshop.books.models import Book
from prices import Prices


def books(request: HttpRequest) -> JsonResponse:
    """Add a book, or list all."""
    if request.method == "POST":
        given = json.loads(request.body)
        Book.objects.create(**given)
        return JsonResponse(given, status=201)
    return JsonResponse({"titles": list(Book.objects.order_by("title").values_list("title", flat=True))})


def book(request: HttpRequest, title: str) -> JsonResponse:
    """Return one book and its price."""
    found = Book.objects.get(title=title)
    return JsonResponse({"title": found.title, "pages": found.pages, "price": Prices.of(title)})


async def later(request: HttpRequest, title: str) -> JsonResponse:
    """Return a price, in a coroutine."""
    return JsonResponse({"price": await Prices.later(title), "sort": request.GET.get("sort", "")})


def broken(request: HttpRequest) -> JsonResponse:
    """Fail."""
    raise RuntimeError("the view is broken")
