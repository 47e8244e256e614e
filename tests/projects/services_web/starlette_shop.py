"""The same in Starlette."""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from prices import Prices


async def book(request: Request) -> JSONResponse:
    title = request.path_params["title"]
    sort = request.query_params.get("sort", "")
    return JSONResponse({"title": title, "price": Prices.of(title), "sort": sort})


async def later(request: Request) -> JSONResponse:
    price = await Prices.later(request.path_params["title"])
    return JSONResponse({"price": price, "sort": request.query_params.get("sort", "")})


async def add(request: Request) -> JSONResponse:
    return JSONResponse(await request.json(), status_code=201)


async def broken(request: Request) -> JSONResponse:
    raise RuntimeError("the view is broken")


application = Starlette(
    routes=[
        Route("/books/{title}", book),
        Route("/later/{title}", later),
        Route("/books", add, methods=["POST"]),
        Route("/broken", broken),
    ]
)
