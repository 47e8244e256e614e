"""Endpoints: methods of services that are called through the class."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, Protocol, TypeVar, overload

from enctest.errors import EnctestError
from enctest.services import calling
from enctest.services.validation import Border

if TYPE_CHECKING:
    from enctest.services.service import Service

P = ParamSpec("P")
R = TypeVar("R")


class Endpoint(Generic[P, R]):
    """A method marked with `@api`. Called through the class it goes the whole way; see `Service`.

    Attributes:
        name: Such as `Orders.place`.
        service: The class it was found in.
        is_async: Whether a call gives a coroutine.
        auth: Whether somebody has to be known.
        method, path: How HTTP reaches it.
        sensitive: Whether spans leave out what goes in and out.
    """

    def __init__(
        self,
        function: Callable[Concatenate[Any, P], R],
        *,
        auth: bool = False,
        method: str = "POST",
        path: str = "",
        sensitive: bool = False,
    ) -> None:
        if isinstance(function, staticmethod | classmethod) or not inspect.signature(function).parameters:
            raise EnctestError(
                f"{function.__qualname__} is no method of an instance, and endpoints are", "Give it `self`."
            )
        self.function = function
        self.auth = auth
        self.method = method.upper()
        self.path = path
        self.sensitive = sensitive
        self.is_async = inspect.iscoroutinefunction(function)
        self.name = function.__qualname__
        self.service: type[Service] = None  # type: ignore[assignment] # the class does not exist yet
        self.__name__ = function.__name__
        functools.update_wrapper(self, function)
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise EnctestError(
                f"{self.name} is a generator, and endpoints return their result at once", "Return a list."
            )
        self._call: Callable[..., Any] = calling.acall if self.is_async else calling.call

    def __set_name__(self, owner: type[Service], name: str) -> None:
        if "_enctest_service" not in dir(owner):
            raise EnctestError(
                f"{owner.__name__}.{name} is marked with @api, and {owner.__name__} is no service",
                f"Derive it: class {owner.__name__}(Service).",
            )
        self.service = owner
        self.name = f"{owner.__name__}.{name}"

    def bound_to(self, service: type[Service]) -> Endpoint[P, R]:
        """Return the same endpoint of a class that inherits it."""
        other = Endpoint(
            self.function, auth=self.auth, method=self.method, path=self.path, sensitive=self.sensitive
        )
        other.__set_name__(service, self.__name__)
        return other

    @property
    def identity(self) -> str:
        """What it is called in every process."""
        from enctest.services.handover import home_of

        return f"endpoint {home_of(self.service)}.{self.__name__}"

    @functools.cached_property
    def border(self) -> Border:
        """What arguments and results have to be; made at the first call, when annotations can be read."""
        return Border(self.function, self.name)

    @overload
    def __get__(self, instance: None, owner: type[object]) -> Endpoint[P, R]: ...
    @overload
    def __get__(self, instance: object, owner: type[object] | None = None) -> Callable[P, R]: ...
    def __get__(
        self, instance: object | None, owner: type[object] | None = None
    ) -> Endpoint[P, R] | Callable[P, R]:
        if instance is None:
            return self
        method: Callable[P, R] = self.function.__get__(instance, owner)
        return method

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the endpoint.

        Raises:
            InvalidCallError: The arguments do not fit.
            InvalidResultError: What comes back does not.
            NotAllowedError: It needs a user, and there is none.
            StartError, StartCycleError: Its service cannot start.
        """
        __tracebackhide__ = True
        result: R = self._call(self, args, kwargs)
        return result

    def __repr__(self) -> str:
        return f"<endpoint {self.name}>"


class _Marks(Protocol):
    """Takes a method; what an asynchronous one gives is `Coroutine` to every type checker."""

    @overload
    def __call__(
        self, function: Callable[Concatenate[Any, P], Coroutine[Any, Any, R]], /
    ) -> Endpoint[P, Coroutine[Any, Any, R]]: ...
    @overload
    def __call__(self, function: Callable[Concatenate[Any, P], R], /) -> Endpoint[P, R]: ...


@overload
def api(
    function: Callable[Concatenate[Any, P], Coroutine[Any, Any, R]], /
) -> Endpoint[P, Coroutine[Any, Any, R]]: ...
@overload
def api(function: Callable[Concatenate[Any, P], R], /) -> Endpoint[P, R]: ...
@overload
def api(*, auth: bool = False, method: str = "POST", path: str = "", sensitive: bool = False) -> _Marks: ...
def api(function: Callable[..., Any] | None = None, /, **options: Any) -> Endpoint[Any, Any] | _Marks:
    """Mark a method of a service as an endpoint.

    Args:
        function: The method, plain or `async`.
        options: `auth`, `method`, `path` and `sensitive`, as `Endpoint` has them.
    """
    if function is not None:
        return Endpoint(function)

    def mark(function: Callable[..., Any]) -> Endpoint[Any, Any]:
        return Endpoint(function, **options)

    return mark
