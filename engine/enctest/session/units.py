"""Cuts a session's tests into units of work for several processes.

A unit is a run of tests of one file. A file is cut only where it would otherwise hold up the end, and never
between tests that share a fixture instance of class, module or package scope.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

import pytest

_PER_WORKER = 6
"""Units that a worker is to have at least, if the tests can be cut so: the finer, the evener the end."""
_OVERHEAD = 1.0
"""Milliseconds that any test costs, whatever its recorded duration is."""
_GUESS = 10.0
"""Milliseconds of a test when no test was ever timed."""
_SHARED = frozenset({"class", "module", "package"})


class Unit(NamedTuple):
    """Tests `first` to `end - 1` of the session's list; `cost` is in milliseconds."""

    first: int
    end: int
    cost: float


def cut(
    items: Sequence[pytest.Item], workers: int, durations: Mapping[str, float], least: float = 0.0
) -> list[Unit]:
    """Return units that hold every test once, in the order in which they are to be handed out.

    Args:
        items: The tests, in pytest's order.
        workers: How many processes will take units.
        durations: Milliseconds by node id, of the tests that ran before.
        least: Milliseconds that a piece of a file is to have.
    """
    costs = _costs(items, durations)
    limit = max(least, sum(costs) / max(1, workers * _PER_WORKER))
    units = [unit for first, end in _files(items) for unit in _pieces(items, costs, first, end, limit)]
    if workers > 1 and not _ordered_by_parameters(items):
        units.sort(key=lambda unit: -unit.cost)
    return units


def _costs(items: Iterable[pytest.Item], durations: Mapping[str, float]) -> list[float]:
    known = [durations.get(item.nodeid) for item in items]
    timed = [each for each in known if each is not None]
    guess = sum(timed) / len(timed) if timed else _GUESS
    return [(guess if each is None else each) + _OVERHEAD for each in known]


def _files(items: Sequence[pytest.Item]) -> Iterator[tuple[int, int]]:
    first = 0
    for _, group in groupby(items, key=lambda item: item.path):
        end = first + sum(1 for _ in group)
        yield first, end
        first = end


def _pieces(
    items: Sequence[pytest.Item], costs: Sequence[float], first: int, end: int, limit: float
) -> Iterator[Unit]:
    total = sum(costs[first:end])
    if total <= limit or end - first == 1:
        yield Unit(first, end, total)
        return
    tied = _tied(items, first, end)
    begin, cost = first, 0.0
    for index in range(first, end):
        if index > begin and index not in tied and cost + costs[index] > limit:
            yield Unit(begin, index, cost)
            begin, cost = index, 0.0
        cost += costs[index]
    yield Unit(begin, end, cost)


def _tied(items: Sequence[pytest.Item], first: int, end: int) -> set[int]:
    """Return the places before which the file must not be cut."""
    spans: dict[object, tuple[int, int]] = {}
    for index in range(first, end):
        shared = _shared_fixtures(items[index])
        if shared is None:
            return set(range(first, end))
        for key in shared:
            spans[key] = (spans.get(key, (index, index))[0], index)
    return {place for begin, last in spans.values() for place in range(begin + 1, last + 1)}


def _shared_fixtures(item: pytest.Item) -> list[object] | None:
    """Return what a test may share with others of its file; None when its kind does not say."""
    info: Any = getattr(item, "_fixtureinfo", None)
    if info is None:
        return None
    owner = getattr(item, "cls", None)
    return [
        (definition, owner if definition.scope == "class" else None)
        for definitions in info.name2fixturedefs.values()
        for definition in definitions
        if definition.scope in _SHARED
    ]


def _ordered_by_parameters(items: Iterable[pytest.Item]) -> bool:
    """Tell whether pytest grouped tests of several files by a parameter of a shared fixture."""
    for item in items:
        scopes = getattr(getattr(item, "callspec", None), "_arg2scope", {})
        if any(getattr(scope, "value", "") in {"session", "package"} for scope in scopes.values()):
            return True
    return False
