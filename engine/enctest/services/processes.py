"""The current test goes along into processes that it starts, and what they do comes back.

`subprocess` hands over by the environment, `multiprocessing` with what it sends; an executor's processes,
which may serve many tests, are told with each call.
"""

from __future__ import annotations

import contextvars
import functools
import sys
import threading
import warnings
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any, Final

from enctest.errors import EnctestError
from enctest.services import auth, handover, spans
from enctest.services.scope import DECLARED, HANDOVER, ROOT, Scope, counted, current
from enctest.tracing.adopted import Adopted
from enctest.tracing.hooks.imports import ImportWatcher
from enctest.tracing.spans import OpenSpan
from enctest.tracing.spans import current as current_span

Replace = Callable[[Any, str, Callable[[Any], Any]], None]
_ENV: Final = 10
"""Position of `env` among the arguments of `Popen`."""
_ATTRIBUTE: Final = "_enctest_test"
_POPEN_SPAN: Final = "_enctest_span"


class Handed:
    """One handover, and what comes back.

    Args:
        scope: Whose.
        content: What is handed over.

    Attributes:
        path: The file that it was written to.
    """

    def __init__(self, scope: Scope, content: handover.Handover) -> None:
        self.content = content
        self.path = handover.write(content)
        self._scope = scope
        self._channels = handover.Channels(self.path)
        self._reading = threading.Lock()
        self._spans: dict[int, Adopted] = {}
        self._above = current_span()
        scope.sources.append(self.take_in)

    def __reduce__(self) -> Any:
        """Be, in another process, what was handed over: reading it joins the test."""
        from enctest.services import inherited

        return inherited.join, (self.path,)

    def below(self, span: OpenSpan | None) -> None:
        """Put the spans that come back below another one than the current."""
        self._above = span

    def take_in(self) -> None:
        """Take in what the processes have told."""
        with self._reading:
            for number, record in self._channels.news():
                self._take(number, record)

    def _take(self, number: int, record: handover.Told) -> None:
        if isinstance(record, handover.Published):
            self._scope.published(record.topic).append((record.message_id, record.body))
        elif spans.RECORDER.active:
            if number not in self._spans:
                self._spans[number] = Adopted(spans.RECORDER, self._above)
            self._spans[number].apply(record)


def _hand(scope: Scope) -> Handed | None:
    """Write down what holds in a scope, for one more process; None, with a warning, if that cannot be."""
    return _handed(scope, _content(scope, f"{scope.name or scope.kind}/process-{counted(scope, 'process')}"))


def _hand_again(scope: Scope) -> Handed | None:
    """Write down what holds in a scope, as `_hand` does, unless that was done for another call."""
    key, content = ("handed", "calls"), _content(scope, f"{scope.name or scope.kind}/pool")
    known: Handed | None = scope.own.get(key)
    if known is None or known.content != content:
        known = scope.own[key] = _handed(scope, content)
    return known


def _handed(scope: Scope, content: handover.Handover) -> Handed | None:
    try:
        return Handed(scope, content)
    except (EnctestError, OSError) as error:  # the process itself must start
        warnings.warn(f"{content.name} will not be in the test: {error}", stacklevel=5)
        return None


def _content(scope: Scope, name: str) -> handover.Handover:
    values: dict[str, bytes] = {}
    lost: dict[str, str] = {}
    for key, value in _values(scope).items():
        named = handover.identity(key)
        try:
            values[named] = handover.packed(value)
        except Exception as error:  # noqa: BLE001 - objects say in many ways that they cannot be pickled
            lost[named] = f"{type(error).__name__}: {error}"
    return handover.Handover(
        kind=scope.kind,
        name=name,
        path=tuple(entry for entry in sys.path if entry),
        values=values,
        lost=lost,
        spans=spans.RECORDER.active,
        root=str(list(scope.up())[-1].own.get(ROOT, "")),
    )


def _values(scope: Scope) -> dict[Any, Any]:
    """Return what holds in a scope and can mean something elsewhere."""
    session = list(scope.up())[-1]
    found: dict[Any, Any] = {key: url for key, (_, url) in session.own.get(DECLARED, {}).items()}
    for one in reversed(list(scope.up())):
        found |= {key: value for key, value in one.values.items() if not isinstance(key, str)}
    user = auth.user()
    return found if user is None else found | {auth.OVERRIDE: user}


def _environment(scope: Scope, handed: Handed, given: Mapping[Any, Any] | None) -> dict[Any, Any]:
    """Return the variables of a process: settings and URLs are as in the test."""
    told = {HANDOVER: handed.path}
    for key, value in _values(scope).items():
        if hasattr(key, "variables_of"):
            told |= key.variables_of(value)
    return handover.environment(given, told)


# --- what starts processes ---


def install(replace: Replace) -> ImportWatcher:
    """Look at every start of a process by `subprocess`, `multiprocessing` and executors.

    Args:
        replace: Puts something in front of a function: gets its owner, its name and what makes it.
    """

    def subprocess(module: ModuleType) -> None:
        replace(module.Popen, "__init__", _open)

    def multiprocessing(module: ModuleType) -> None:
        replace(module.BaseProcess, "start", _start)
        replace(module.BaseProcess, "_bootstrap", _bootstrap)

    def executor(module: ModuleType) -> None:
        replace(module.ProcessPoolExecutor, "submit", _submit)

    watcher = ImportWatcher(
        {
            "subprocess": subprocess,
            "multiprocessing.process": multiprocessing,
            "concurrent.futures.process": executor,
        }
    )
    watcher.install()
    return watcher


def _open(original: Any) -> Any:
    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807 - stands for it
        __tracebackhide__ = True
        scope = current()
        handed = None if scope is None else _hand(scope)
        if scope is None or handed is None:
            original(self, *args, **kwargs)
            return
        if len(args) > _ENV:
            args = (*args[:_ENV], _environment(scope, handed, args[_ENV]), *args[_ENV + 1 :])
        else:
            kwargs["env"] = _environment(scope, handed, kwargs.get("env"))
        original(self, *args, **kwargs)
        span = vars(self).get(_POPEN_SPAN)
        if span is not None:
            handed.below(span)

    return __init__


def _start(original: Any) -> Any:
    def start(self: Any) -> None:
        __tracebackhide__ = True
        scope = current()
        handed = None if scope is None else _hand(scope)
        if handed is None:
            original(self)
            return
        # The first of its attributes is the first to be read in the other process.
        attributes = vars(self)
        mine = {_ATTRIBUTE: handed, **attributes}
        attributes.clear()
        attributes.update(mine)
        try:
            original(self)
        finally:
            attributes.pop(_ATTRIBUTE, None)

    return start


def _bootstrap(original: Any) -> Any:
    def _bootstrap(self: Any, *args: Any, **kwargs: Any) -> Any:
        handed = vars(self).pop(_ATTRIBUTE, None)
        if isinstance(handed, Handed):  # a fork; elsewhere it has been read
            from enctest.services import inherited

            inherited.join_by_fork(handed.path)
        return original(self, *args, **kwargs)

    return _bootstrap


def _submit(original: Any) -> Any:
    from enctest.services import follow

    def submit(self: Any, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
        scope = current()
        handed = None if scope is None else _hand_again(scope)
        if scope is None or handed is None:
            return original(self, fn, *args, **kwargs)
        carried = _Carried(handed.path, fn)
        # In a context of its own: the processes, should it start some, belong to no test.
        future = contextvars.Context().run(original, self, carried, *args, **kwargs)
        scope.note(follow.work_of(future, fn))
        return future

    return submit


class _Carried:
    """A function that is to be called in a test, in another process."""

    def __init__(self, path: str, function: Any) -> None:
        self._path = path
        self._function = function
        functools.update_wrapper(self, function, updated=())

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        from enctest.services import inherited

        return inherited.call(self._path, self._function, args, kwargs)
