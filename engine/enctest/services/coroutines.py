"""Coroutines of tests and fixtures: whoever runs them may do so in the context of something earlier."""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from typing import Any

from enctest.services.scope import CURRENT, Scope


def test_in(scope: Scope, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a coroutine test that runs in `scope`."""

    @functools.wraps(function)
    async def test(*args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        CURRENT.set(scope)
        return await function(*args, **kwargs)

    return test


def fixture_in(scope: Scope, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return an asynchronous fixture that is set up and torn down in `scope`; others are left as they are."""
    if inspect.iscoroutinefunction(function):
        return test_in(scope, function)
    if not inspect.isasyncgenfunction(function):
        return function

    @functools.wraps(function)
    async def fixture(*args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        __tracebackhide__ = True
        CURRENT.set(scope)
        async with aclosing(function(*args, **kwargs)) as values:
            async for value in values:
                yield value
                CURRENT.set(scope)

    return fixture


def enter_case(scope: Scope, case: object) -> None:
    """Let the context that a `unittest` case keeps for its coroutines, since it was made, be in `scope`."""
    context = getattr(case, "_asyncioTestContext", None)
    if context is not None:
        context.run(CURRENT.set, scope)
