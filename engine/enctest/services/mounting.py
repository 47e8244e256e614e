"""Endpoints over HTTP, in an application of Starlette or FastAPI."""

from __future__ import annotations

import inspect
import json
from typing import Any, Final

from enctest.errors import EnctestError
from enctest.services import auth
from enctest.services.endpoint import Endpoint
from enctest.services.errors import InvalidCallError, NotAllowedError
from enctest.services.service import Service, endpoints
from enctest.services.validation import adapter, optional

_WITHOUT_BODY: Final = frozenset({"GET", "HEAD", "DELETE"})


def mount(app: Any, *services: type[Service], prefix: str = "") -> None:
    """Serve the endpoints of services in an application.

    Arguments come from the path, then from the query (GET, HEAD, DELETE) or from a JSON object (all others).
    What does not fit is answered with 422, who is nobody with 401.

    Args:
        app: Of Starlette or FastAPI.
        services: What to serve; `Orders.place` is at `POST /Orders.place` unless it says another place.
        prefix: Comes before all paths.
    """
    routing = optional("starlette.routing", "to serve endpoints over HTTP")
    routes = getattr(getattr(app, "router", None), "routes", None)
    if not isinstance(routes, list):
        raise EnctestError(
            f"{type(app).__name__} is no application of Starlette or FastAPI, which `mount` needs"
        )
    for service in services:
        for endpoint in endpoints(service).values():
            path = prefix + (endpoint.path or f"/{endpoint.name}")
            routes.append(routing.Route(path, _answering(endpoint), methods=[endpoint.method]))


def _answering(endpoint: Endpoint[Any, Any]) -> Any:
    responses = optional("starlette.responses", "to serve endpoints over HTTP")
    concurrency = optional("starlette.concurrency", "to serve endpoints over HTTP")

    async def answer(request: Any) -> Any:
        try:
            await _recognise(request)
            arguments = await _arguments(endpoint, request)
            endpoint.border.accept((), arguments)
            if endpoint.auth:
                auth.require(endpoint.name)
        except InvalidCallError as error:
            return responses.JSONResponse({"error": error.title}, status_code=422)
        except NotAllowedError as error:
            return responses.JSONResponse({"error": error.title}, status_code=401)
        # From here on it is the application's own fault if a call does not fit: the framework answers.
        if endpoint.is_async:
            result = await endpoint(**arguments)
        else:
            result = await concurrency.run_in_threadpool(endpoint, **arguments)
        kind = endpoint.border.hints.get("return", Any)
        return responses.Response(adapter(kind).dump_json(result), media_type="application/json")

    return answer


async def _recognise(request: Any) -> None:
    """Let the application's authenticator say who calls; what it does not know stays as it is."""
    authenticator = auth.the_authenticator()
    if authenticator is None:
        return
    found = authenticator({name.lower(): text for name, text in request.headers.items()})
    if inspect.isawaitable(found):
        found = await found
    if found is not None:
        auth.enter(found)


async def _arguments(endpoint: Endpoint[Any, Any], request: Any) -> dict[str, Any]:
    arguments: dict[str, Any] = {}
    if endpoint.method in _WITHOUT_BODY:
        for name in request.query_params:
            values = request.query_params.getlist(name)
            arguments[name] = values if len(values) > 1 else values[0]
    elif body := await request.body():
        try:
            found = json.loads(body)
        except ValueError as error:
            raise InvalidCallError(f"{endpoint.name}: the body is no JSON: {error}") from None
        if not isinstance(found, dict):
            raise InvalidCallError(f"{endpoint.name}: the body is {type(found).__name__}, not an object")
        arguments |= found
    arguments |= request.path_params
    return arguments
