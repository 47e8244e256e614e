"""OpenTelemetry instrumentations that are installed, for libraries that we have no hook of our own for.

One is taken in whatever version it is, once its library has been imported, with a provider of ours. When
the application instruments the library itself, ours is taken back first.
"""

from __future__ import annotations

import importlib
import os
import sysconfig
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any, Final

from enctest.tracing.hooks.opentelemetry_api import quiet_tracers
from enctest.tracing.hooks.patching import Patches
from enctest.tracing.recorder import TraceRecorder

_PLACE: Final = os.path.join("opentelemetry", "instrumentation")
_DISABLED: Final = "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS"
_OURS: Final = frozenset(
    {
        *("aiohttp_client", "aiohttp_server", "asgi", "asyncio", "asyncpg", "auto_instrumentation", "dbapi"),
        *("django", "fastapi", "flask", "httpx", "logging", "psycopg", "psycopg2", "redis", "requests"),
        *("sqlalchemy", "sqlite3", "starlette", "system_metrics", "threading", "urllib", "urllib3", "wsgi"),
    }
)
"""What our own hooks see, with more and at less cost, and what has no spans."""
_MODULES: Final = {
    "boto3sqs": "boto3",
    "kafka_python": "kafka",
    "mysql": "mysql.connector",
    "mysqlclient": "MySQLdb",
    "tortoiseorm": "tortoise",
}
"""Libraries whose module is not called as the instrumentation is."""


def installed() -> Iterator[tuple[str, str]]:
    """Yield an instrumentation's name and the module that it is for; nothing is imported."""
    paths = sysconfig.get_paths()
    for place in dict.fromkeys((paths["purelib"], paths["platlib"])):
        folder = os.path.join(place, _PLACE)
        try:
            names = sorted(os.listdir(folder))
        except OSError:
            continue
        for name in names:
            if name not in _OURS and os.path.isfile(os.path.join(folder, name, "__init__.py")):
                yield name, _MODULES.get(name, name)


def hook(name: str, recorder: TraceRecorder, patches: Patches) -> None:
    """Take an instrumentation into use, unless the user's variable of OpenTelemetry's forbids it."""
    disabled = {one.strip() for one in os.environ.get(_DISABLED, "").split(",")}
    if disabled & {name, "*"}:
        return
    module = importlib.import_module(f"opentelemetry.instrumentation.{name}")
    base = importlib.import_module("opentelemetry.instrumentation.instrumentor").BaseInstrumentor
    for instrumentor in _instrumentors(module, base):
        if not instrumentor.is_instrumented_by_opentelemetry:
            _take(instrumentor, base, recorder, patches)


def _instrumentors(module: ModuleType, base: type) -> Iterator[Any]:
    for value in list(vars(module).values()):
        if isinstance(value, type) and issubclass(value, base) and value.__module__ == module.__name__:
            yield value()


def _take(instrumentor: Any, base: type, recorder: TraceRecorder, patches: Patches) -> None:
    conflict = instrumentor._check_dependency_conflicts()  # noqa: SLF001 - what `instrument` would log as an error
    if conflict:
        return
    options = {"tracer_provider": quiet_tracers(recorder), "meter_provider": _no_meters()}
    instrumentor.instrument(skip_dep_check=True, **options)
    _show_as_instrumented(instrumentor, on=False)
    taken = [instrumentor]

    def give_back() -> None:
        if taken:
            _show_as_instrumented(taken[0], on=True)
            taken.pop().uninstrument()

    def make(original: Callable[..., Any]) -> Callable[..., Any]:
        def instrument(self: Any, **kwargs: Any) -> Any:
            __tracebackhide__ = True
            if self is instrumentor:
                give_back()
            return original(self, **kwargs)

        return instrument

    patches.wrap_again(base, "instrument", make)
    patches.on_restore(give_back)


def _show_as_instrumented(instrumentor: Any, *, on: bool) -> None:
    """Let the application find the library as it has left it."""
    instrumentor._is_instrumented_by_opentelemetry = on  # noqa: SLF001 - there is no other way to say so


def _no_meters() -> Any:
    return importlib.import_module("opentelemetry.metrics").NoOpMeterProvider()
