"""enctest: a test explorer for pytest. The engine; the screen is `enctest_tui`.

What applications import from here is loaded when it is asked for; `enctest.et` has the helpers of their
tests.

PYTEST_DONT_REWRITE: a session host has imported this package before pytest looks at its plugins.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from enctest import outbox as outbox
    from enctest.services.auth import User as User
    from enctest.services.auth import as_user as as_user
    from enctest.services.auth import authenticator as authenticator
    from enctest.services.auth import user as user
    from enctest.services.auth import user_id as user_id
    from enctest.services.cache import Cache as Cache
    from enctest.services.cache import CacheStore as CacheStore
    from enctest.services.config import Config as Config
    from enctest.services.config import Secret as Secret
    from enctest.services.database import Database as Database
    from enctest.services.endpoint import Endpoint as Endpoint
    from enctest.services.endpoint import api as api
    from enctest.services.lifecycle import aclose_services as aclose_services
    from enctest.services.lifecycle import close_services as close_services
    from enctest.services.middleware import Next as Next
    from enctest.services.middleware import Request as Request
    from enctest.services.middleware import middleware as middleware
    from enctest.services.mounting import mount as mount
    from enctest.services.service import Service as Service
    from enctest.services.topic import Subscription as Subscription
    from enctest.services.topic import Topic as Topic
    from enctest.services.topic import Transport as Transport
    from enctest.services.topic import subscription as subscription
    from enctest.services.topic import use_transport as use_transport
    from enctest.services.validation import sensitive as sensitive

__version__ = "0.1.0"

_HOMES = {
    "Cache": "cache",
    "CacheStore": "cache",
    "Config": "config",
    "Database": "database",
    "Endpoint": "endpoint",
    "Next": "middleware",
    "Request": "middleware",
    "Secret": "config",
    "Service": "service",
    "Subscription": "topic",
    "Topic": "topic",
    "Transport": "topic",
    "User": "auth",
    "aclose_services": "lifecycle",
    "api": "endpoint",
    "as_user": "auth",
    "authenticator": "auth",
    "close_services": "lifecycle",
    "middleware": "middleware",
    "mount": "mounting",
    "sensitive": "validation",
    "subscription": "topic",
    "use_transport": "topic",
    "user": "auth",
    "user_id": "auth",
}
"""Where each name lives in `enctest.services`."""


def __getattr__(name: str) -> object:
    try:
        home = _HOMES[name]
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
    module = importlib.import_module(f"enctest.services.{home}")
    value: object = getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
