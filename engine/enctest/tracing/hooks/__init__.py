"""Own thin instrumentation, armed before the application imports the libraries it is for."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from types import ModuleType
from typing import Any, Final

from enctest.tracing.hooks import instrumentations
from enctest.tracing.hooks.imports import ImportWatcher
from enctest.tracing.hooks.patching import Patches
from enctest.tracing.recorder import TraceRecorder

HOOKS: Final = {
    "_pytest.capture": "printed:hook",
    "aiohttp.client": "aiohttp_client:hook",
    "aiohttp.web_app": "aiohttp_server:hook",
    "aiosqlite.core": "aiosqlite_driver:hook",
    "asyncio.base_subprocess": "processes:hook_asyncio",
    "asyncpg": "asyncpg_driver:hook",
    "concurrent.futures.thread": "threads:hook_pools",
    "django.core.handlers.base": "django_server:hook",
    "enctest.services.spans": "services:hook",
    "flask": "wsgi:hook_flask",
    "httpx": "httpx_client:hook",
    "httpx2": "httpx_client:hook",
    "logging": "logs:hook",
    "opentelemetry.sdk.trace": "opentelemetry_sdk:hook",
    "opentelemetry.trace": "opentelemetry_api:hook",
    "psycopg": "psycopg3:hook",
    "psycopg2": "psycopg_2:hook",
    "redis.asyncio.client": "redis_client:hook_async",
    "redis.client": "redis_client:hook",
    "requests": "http_clients:hook_requests",
    "sqlite3": "sqlite:hook",
    "starlette.applications": "asgi:hook",
    "subprocess": "processes:hook",
    "threading": "threads:hook",
    "urllib.request": "http_clients:hook_urllib",
    "urllib3.connectionpool": "http_clients:hook_urllib3",
    "uvicorn.config": "asgi:hook_uvicorn",
    "valkey.asyncio.client": "redis_client:hook_async",
    "valkey.client": "redis_client:hook",
    "warnings": "warned:hook",
    "wsgiref.handlers": "wsgi:hook_wsgiref",
}
"""What to call, in which module here, once a module of the application's has been imported."""


class Instrumentation:
    """All hooks of one process."""

    def __init__(self, recorder: TraceRecorder) -> None:
        self._recorder = recorder
        self._patches = Patches()
        callbacks = {name: self._callback(name, hook) for name, hook in HOOKS.items()}
        for name, module in instrumentations.installed():
            callbacks.setdefault(module, self._instrumentation(name))
        self._watcher = ImportWatcher(callbacks)

    def arm(self) -> None:
        """Instrument what is imported, and what will be."""
        self._watcher.install()

    def disarm(self) -> None:
        """Put every library back as it was."""
        self._watcher.uninstall()
        self._patches.restore()
        self._recorder.foreign = None

    def _callback(self, name: str, hook: str) -> Callable[[ModuleType], None]:
        def instrument(module: ModuleType) -> None:
            try:
                file, _, function = hook.partition(":")
                target: Any = getattr(importlib.import_module(f"{__name__}.{file}"), function)
                target(module, self._recorder, self._patches)
            except Exception as error:  # noqa: BLE001 - an unknown version of a library must not break its import
                self._recorder.complain(name, error)

        return instrument

    def _instrumentation(self, name: str) -> Callable[[ModuleType], None]:
        def instrument(_module: ModuleType) -> None:
            try:
                instrumentations.hook(name, self._recorder, self._patches)
            except Exception as error:  # noqa: BLE001 - as above
                self._recorder.complain(f"OpenTelemetry's instrumentation of {name}", error)

        return instrument


def import_hooks() -> None:
    """Import every hook's module (none imports the library it is for), ahead of the forks that need them."""
    for hook in HOOKS.values():
        importlib.import_module(f"{__name__}.{hook.partition(':')[0]}")
