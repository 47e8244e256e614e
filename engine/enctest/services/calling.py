"""How an endpoint is called: border, span, authentication, middleware, double or instance, and back."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from enctest.errors import EnctestError
from enctest.services import auth, lifecycle, shown, spans
from enctest.services.doubles import double_of
from enctest.services.middleware import Request, around, chain, is_asynchronous
from enctest.services.scope import Scope, current

if TYPE_CHECKING:
    from enctest.services.endpoint import Endpoint

Arguments = tuple[tuple[Any, ...], dict[str, Any]]


def call(endpoint: Endpoint[Any, Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call a plain endpoint."""
    __tracebackhide__ = True
    scope = current()
    double = None if scope is None else double_of(endpoint, scope)
    if not spans.wanted():
        return _call(endpoint, args, kwargs, double)
    span = spans.begin(endpoint.name, "internal", shown.request(endpoint, args, kwargs, double is not None))
    try:
        result = _call(endpoint, args, kwargs, double)
    except BaseException as error:
        spans.fail(span, error)
        raise
    spans.end(span, shown.response(endpoint, result))
    return result


def _call(endpoint: Endpoint[Any, Any], args: Any, kwargs: Any, double: Any) -> Any:
    __tracebackhide__ = True
    border = endpoint.border
    args, kwargs = border.accept(args, kwargs)
    if double is not None and not double.run_middleware:
        return border.give(double.function(*args, **kwargs))
    if endpoint.auth:
        auth.require(endpoint.name)
    found = around(endpoint)
    if not found:
        return border.give(_target(endpoint, double)(*args, **kwargs))
    _refuse_asynchronous(endpoint, found)
    request = Request(endpoint, border.bind(args, kwargs))
    return border.give(chain(found, lambda request: _last(endpoint, double, request))(request))


def _last(endpoint: Endpoint[Any, Any], double: Any, request: Request) -> Any:
    __tracebackhide__ = True
    args, kwargs = endpoint.border.unbind(request.arguments)
    return _target(endpoint, double)(*args, **kwargs)


def _target(endpoint: Endpoint[Any, Any], double: Any) -> Callable[..., Any]:
    if double is not None:
        function: Callable[..., Any] = double.function
        return function
    method: Callable[..., Any] = endpoint.function.__get__(lifecycle.instance(endpoint.service))
    return method


def _refuse_asynchronous(endpoint: Endpoint[Any, Any], found: tuple[Callable[..., Any], ...]) -> None:
    for one in found:
        if is_asynchronous(one):
            raise EnctestError(
                f"{endpoint.name} is plain, and the middleware {shown.name_of(one)} is asynchronous",
                "Make the endpoint `async`, or the middleware plain: it can return what `next` gives.",
            )


def acall(endpoint: Endpoint[Any, Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Return the coroutine that calls an asynchronous endpoint; a test that forgets it fails."""
    coroutine = _acall(endpoint, args, kwargs)
    scope = current()
    if scope is not None:
        _remember(scope, endpoint, coroutine)
    return coroutine


def _remember(scope: Scope, endpoint: Endpoint[Any, Any], coroutine: Any) -> None:
    from enctest.services.follow import Forgettable

    coroutine.__name__ = endpoint.__name__
    coroutine.__qualname__ = endpoint.name
    scope.note(Forgettable(coroutine))


async def _acall(endpoint: Endpoint[Any, Any], args: Any, kwargs: Any) -> Any:
    __tracebackhide__ = True
    scope = current()
    double = None if scope is None else double_of(endpoint, scope)
    if not spans.wanted():
        return await _inside(endpoint, args, kwargs, double)
    span = spans.begin(endpoint.name, "internal", shown.request(endpoint, args, kwargs, double is not None))
    try:
        result = await _inside(endpoint, args, kwargs, double)
    except BaseException as error:
        spans.fail(span, error)
        raise
    spans.end(span, shown.response(endpoint, result))
    return result


async def _inside(endpoint: Endpoint[Any, Any], args: Any, kwargs: Any, double: Any) -> Any:
    __tracebackhide__ = True
    border = endpoint.border
    args, kwargs = border.accept(args, kwargs)
    if double is not None and not double.run_middleware:
        return border.give(await _awaited(double.function(*args, **kwargs)))
    if endpoint.auth:
        auth.require(endpoint.name)
    found = around(endpoint)
    if not found:
        return border.give(await _awaited((await _atarget(endpoint, double))(*args, **kwargs)))

    async def last(request: Request) -> Any:
        args, kwargs = border.unbind(request.arguments)
        return await _awaited((await _atarget(endpoint, double))(*args, **kwargs))

    return border.give(await _awaited(chain(found, last)(Request(endpoint, border.bind(args, kwargs)))))


async def _atarget(endpoint: Endpoint[Any, Any], double: Any) -> Callable[..., Any]:
    if double is not None:
        function: Callable[..., Any] = double.function
        return function
    method: Callable[..., Any] = endpoint.function.__get__(await lifecycle.ainstance(endpoint.service))
    return method


async def _awaited(result: Any) -> Any:
    """Return a result; doubles of asynchronous endpoints may be plain."""
    return await result if inspect.isawaitable(result) else result
