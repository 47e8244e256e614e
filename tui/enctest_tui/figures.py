"""Columns of the test list that come from traces, and the orders they give."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

from enctest_tui.node import Node
from enctest_tui.text import duration

Order = Literal["suite", "time", "queries", "growth", "requests", "database", "self"]
"""How tests are sorted: `suite` is the tree; the rest are flat lists, the most first."""
ORDERS: tuple[Order, ...] = get_args(Order)
_LARGE = 10_000


@dataclass(frozen=True)
class Column:
    """One number of a test.

    Attributes:
        order: The order it gives.
        title: What stands above it.
        width: Cells.
        value: The number; None where nothing is known.
        text: How it is written.
    """

    order: Order
    title: str
    width: int
    value: Callable[[Node], float | None]
    text: Callable[[float], str]


def growth(test: Node) -> int | None:
    """Return how many queries more than at the last pass before there were; None when that is not known."""
    if test.figures is None or test.base is None:
        return None
    return test.figures.queries - test.base.queries


def _figure(name: str) -> Callable[[Node], float | None]:
    return lambda test: getattr(test.figures, name) if test.figures is not None else None


def _count(number: float) -> str:
    return "" if not number else f"{number:,.0f}" if number < _LARGE else f"{number / 1000:,.0f}k"


def _change(number: float) -> str:
    return f"{number:+,.0f}" if number else ""


def _time(ms: float) -> str:
    return duration(ms) if ms else ""


def _ran(test: Node) -> float | None:
    ran = test.outcome not in {None, "skipped"} and not test.running
    return test.duration_ms if ran else None


TIME = Column("time", "time", 8, _ran, _time)
COLUMNS = (
    Column("queries", "queries", 8, _figure("queries"), _count),
    Column("growth", "grown", 7, growth, _change),
    Column("database", "database", 9, _figure("db_ms"), _time),
    Column("self", "self", 9, _figure("self_ms"), _time),
    Column("requests", "http", 6, _figure("requests"), _count),
)
"""In the order in which they are given room."""


def shown(width: int, room: int, order: Order, *, all_: bool) -> tuple[Column, ...]:
    """Return the columns that fit beside names of `room` cells, the one that sorts first of all."""
    wanted = [column for column in COLUMNS if all_ or column.order == order]
    wanted.sort(key=lambda column: column.order != order)
    left = width - room - TIME.width - 1
    fitting = []
    for column in wanted:
        left -= column.width
        if left < 0:
            break
        fitting.append(column)
    return (*(column for column in COLUMNS if column in fitting), TIME)


def sorted_by(order: Order, tests: list[Node]) -> list[Node]:
    """Return tests with the most of something first; where it is not known they come last, as they were."""
    value = next((column.value for column in COLUMNS if column.order == order), _ran)

    def rank(test: Node) -> float:
        found = value(test)
        return -found if found is not None else float("inf")

    return sorted(tests, key=rank)
