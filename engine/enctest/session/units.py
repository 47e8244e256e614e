"""Cuts a session's tests into units of work for several processes.

A unit is a run of tests of one file. A file is cut only where it would otherwise hold up the end, and never
between tests that share a fixture instance of class, module or package scope.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

import pytest

ISOLATED = "isolated"
"""The marker of a test that gets a process of its own."""
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


def apart(units: Iterable[Unit], isolated: Container[int]) -> list[Unit]:
    """Return `units` with each isolated test (by its place in the list) as one of its own, first."""
    alone: list[Unit] = []
    rest: list[Unit] = []
    for unit in units:
        begin = unit.first
        for index in range(unit.first, unit.end + 1):
            if index == unit.end or index in isolated:
                if index > begin:
                    rest.append(Unit(begin, index, unit.cost * (index - begin) / (unit.end - unit.first)))
                begin = index + 1
            if index < unit.end and index in isolated:
                alone.append(Unit(index, index + 1, unit.cost / (unit.end - unit.first)))
    return [*alone, *rest]


def isolated(items: Sequence[pytest.Item], *, everything: bool) -> frozenset[int]:
    """Return the places of the tests that are to have a process of their own: those marked so, or all."""
    return frozenset(
        index for index, item in enumerate(items) if everything or item.get_closest_marker(ISOLATED)
    )


def neighbours(left: Sequence[int]) -> list[Unit]:
    """Return units that hold these tests, neighbours together."""
    units: list[Unit] = []
    for index in left:
        if units and units[-1].end == index:
            units[-1] = Unit(units[-1].first, index + 1, 0.0)
        else:
            units.append(Unit(index, index + 1, 0.0))
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
    """Return what a test may share with others of its file; None when its kind does not say.

    What has the scope of a class is made for each function anew that is in none.
    """
    info: Any = getattr(item, "_fixtureinfo", None)
    if info is None:
        return None
    owner = getattr(item, "cls", None)
    return [
        (definition, owner if definition.scope == "class" else None)
        for definitions in info.name2fixturedefs.values()
        for definition in definitions
        if definition.scope in _SHARED and (owner is not None or definition.scope != "class")
    ]


def _ordered_by_parameters(items: Iterable[pytest.Item]) -> bool:
    """Tell whether pytest grouped tests of several files by a parameter of a shared fixture."""
    for item in items:
        scopes = getattr(getattr(item, "callspec", None), "_arg2scope", {})
        if any(getattr(scope, "value", "") in {"session", "package"} for scope in scopes.values()):
            return True
    return False
