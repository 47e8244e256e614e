"""Services: classes whose endpoints are called through the class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from enctest.services.endpoint import Endpoint
from enctest.services.middleware import Middleware

if TYPE_CHECKING:
    from enctest.services.asgi import AsgiService
    from enctest.services.wsgi import WsgiService


class Service:
    """Base of services. An instance is made when one of its endpoints is called first, and then shared.

    `Orders.place("pen")` calls through the class: arguments are checked and copied, middleware and
    authentication apply, and tests can put doubles there. On an instance, `place` is the plain method.

    Attributes:
        middleware: What runs around each endpoint of this service, outermost first.
    """

    middleware: ClassVar[Sequence[Middleware]] = ()
    _enctest_service: ClassVar[bool] = True

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for base in reversed(cls.__mro__[1:]):
            for name, value in vars(base).items():
                if isinstance(value, Endpoint) and name not in vars(cls) and getattr(cls, name) is value:
                    setattr(cls, name, value.bound_to(cls))

    def start(self) -> Any:
        """Make ready; may be `async`. If it raises, the caller is told, and the next call tries again."""

    def close(self) -> Any:
        """Give back what `start` took; may be `async`.

        Runs at the end of the event loop that an asynchronous `start` ran in, else of the process; for an
        instance of a test's own, at the latest at the end of the test.
        """

    @staticmethod
    def from_asgi(app: Any, name: str = "App") -> type[AsgiService]:
        """Make a service of an application of FastAPI, Starlette, Django or another with ASGI.

        `Books = Service.from_asgi(app, "Books")`; then `Books.request("GET", "/books/1").json()`.
        """
        from enctest.services.asgi import AsgiService

        return type(name, (AsgiService,), {"app": app})

    @staticmethod
    def from_wsgi(app: Any, name: str = "App") -> type[WsgiService]:
        """Make a service of an application of Flask, Django or another with WSGI, as `from_asgi` does."""
        from enctest.services.wsgi import WsgiService

        return type(name, (WsgiService,), {"app": staticmethod(app)})


def endpoints(service: type[Service]) -> dict[str, Endpoint[Any, Any]]:
    """Return the endpoints of a service by name, in the order of their definition."""
    found: dict[str, Endpoint[Any, Any]] = {}
    for base in reversed(service.__mro__):
        for name in vars(base):
            value = getattr(service, name, None)
            if isinstance(value, Endpoint):
                found[name] = value
    return found
