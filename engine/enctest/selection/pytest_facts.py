"""What the recorder has to know from pytest's objects, in one place, without importing pytest."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from enctest.selection.owners import Owner

if TYPE_CHECKING:
    import pytest

_DEPTH = 50


def fixtures(item: pytest.Item, owners: Mapping[object, Owner]) -> set[Owner]:
    """Return the owners of the wider fixtures that a test can have used, overridden ones and late ones too.

    A test whose kind is unknown (no such attributes) is taken to have used all of them.
    """
    info = getattr(item, "_fixtureinfo", None)
    request = getattr(item, "_request", None) or None
    if not owners:
        return set()
    if info is None or request is None:
        return set(owners.values())
    candidates: list[Iterable[object]] = list(info.name2fixturedefs.values())
    return _known(candidates, owners) | _active(request, owners)


def used_by_fixture(request: pytest.FixtureRequest, owners: Mapping[object, Owner]) -> set[Owner]:
    """Return the owners of the wider fixtures that a fixture can have asked for by a computed name."""
    definition = getattr(request, "_fixturedef", None)
    if definition is not None and "request" not in getattr(definition, "argnames", ("request",)):
        return set()
    return _active(request, owners)


def _active(request: Any, owners: Mapping[object, Owner]) -> set[Owner]:
    chains = getattr(request, "_arg2fixturedefs", {})
    active = getattr(request, "_fixture_defs", None)
    if active is None:
        return set(owners.values())
    return _known([chains.get(name, ()) for name in active] + [active.values()], owners)


def _known(candidates: Iterable[Iterable[object]], owners: Mapping[object, Owner]) -> set[Owner]:
    return {owners[definition] for chain in candidates for definition in chain if definition in owners}


def function_place(item: pytest.Item) -> tuple[str, int] | None:
    """Return (file, first line) of the function that a test runs, looking through decorators."""
    function: Any = getattr(item, "function", None) or getattr(item, "obj", None)
    for _ in range(_DEPTH):
        if isinstance(function, functools.partial):
            function = function.func
        elif getattr(function, "__wrapped__", None) is not None:
            function = function.__wrapped__
        else:
            break
    code = getattr(getattr(function, "__func__", function), "__code__", None)
    return None if code is None else (code.co_filename, code.co_firstlineno)
