"""Calls through the class: arguments and results are checked and copied, errors say what is wrong."""

from __future__ import annotations

import asyncio
import dataclasses
import datetime as dt
import enum
import threading
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, Field, PrivateAttr

from enctest import Service, api, sensitive
from enctest.errors import EnctestError
from enctest.services.copies import copied
from enctest.services.errors import InvalidCallError, InvalidResultError


class Color(enum.Enum):
    RED = 1


class Line(BaseModel):
    item: str
    tags: list[str] = []
    _seen: list[int] = PrivateAttr(default_factory=list)


@dataclasses.dataclass
class Note:
    texts: list[str]


class Orders(Service):
    kept: Any = None

    @api
    def place(self, item: str, pieces: Annotated[int, Field(ge=1)] = 1, *, note: str = "") -> str:
        """Place an order."""
        return f"{item} {pieces} {note}".strip()

    @api
    def keep(self, line: Line) -> Line:
        Orders.kept = line
        return line

    @api
    def extend(self, words: list[str], note: Note) -> list[str]:
        words.append("more")
        note.texts.append("more")
        return words

    @api
    def wrong(self) -> int:
        return "many"  # type: ignore[return-value]

    @api
    async def later(self, item: str, when: dt.date | None = None) -> str:
        await asyncio.sleep(0)
        return f"{item} {when}"

    @api
    def anything(self, value: Any, *rest: Any, **more: Any) -> Any:
        return value, rest, more

    @api
    def places(self, first: int, second: int, /, third: int, *, fourth: int) -> tuple[int, ...]:
        return first, second, third, fourth

    @api
    def pay(self, card: Annotated[str, sensitive]) -> None:
        raise RuntimeError(f"card {len(card)}")


def test_a_call_goes_to_the_method() -> None:
    assert Orders.place("pen") == "pen 1"
    assert Orders.place("pen", 3, note="blue") == "pen 3 blue"
    assert Orders.place(pieces=2, item="pen") == "pen 2"
    assert asyncio.run(Orders.later("pen", when=dt.date(2026, 1, 2))) == "pen 2026-01-02"
    assert Orders.places(1, 2, third=3, fourth=4) == (1, 2, 3, 4)
    assert Orders.anything(1, 2, 3, four=4) == (1, (2, 3), {"four": 4})


def test_an_instance_has_the_plain_method() -> None:
    assert Orders().place("pen", -1) == "pen -1"
    assert Orders().wrong() == "many"  # type: ignore[comparison-overlap]


def test_an_endpoint_knows_what_it_stands_for() -> None:
    assert Orders.place.name == "Orders.place"
    assert Orders.place.__doc__ == "Place an order."
    assert Orders.place.service is Orders
    assert (Orders.later.is_async, Orders.place.is_async) == (True, False)


@pytest.mark.parametrize(
    ("args", "kwargs", "message"),
    [
        ((), {}, "Orders.place: item: Missing required argument"),
        (("pen", "many"), {}, "Orders.place: pieces: Input should be a valid integer"),
        (("pen", 0), {}, "Orders.place: pieces: Input should be greater than or equal to 1"),
        (("pen",), {"price": 1}, "Orders.place: price: Unexpected keyword argument"),
        (("pen", 1, "blue"), {}, "Orders.place: 2: Unexpected positional argument"),
    ],
    ids=str,
)
def test_arguments_that_do_not_fit_are_refused(args: Any, kwargs: Any, message: str) -> None:
    with pytest.raises(InvalidCallError, match=message) as caught:
        Orders.place(*args, **kwargs)
    assert isinstance(caught.value, ValueError)
    assert "Its signature is Orders.place(item: str, pieces" in str(caught.value)


def test_a_result_that_is_not_as_annotated_is_refused() -> None:
    with pytest.raises(InvalidResultError, match=r"Orders\.wrong returned something else.*valid integer"):
        Orders.wrong()


def test_arguments_and_results_are_copies() -> None:
    line = Line(item="pen", tags=["blue"])
    result = Orders.keep(line)
    line.tags.append("changed by the caller")
    result.tags.append("changed by the caller")
    assert Orders.kept.tags == ["blue"]
    assert Orders.kept == Line(item="pen", tags=["blue"])
    words, note = ["one"], Note(["one"])
    assert Orders.extend(words, note) == ["one", "more"]
    assert (words, note.texts) == (["one"], ["one"])


def test_copies_keep_kinds_and_what_cannot_change() -> None:
    line = Line(item="pen")
    line._seen.append(1)
    loop: list[Any] = [1]
    loop.append(loop)
    values: list[Any] = [
        (1, [2]), {"a": {1, 2}}, frozenset({1}), Color.RED, line, Note(["x"]),
        dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
    ]  # fmt: skip
    for value in values:
        assert copied(value) == value
        assert type(copied(value)) is type(value)
    assert copied(Color.RED) is Color.RED
    assert copied(line)._seen == [1]
    assert copied(line)._seen is not line._seen
    twin = copied(loop)
    assert twin[1] is twin
    assert twin is not loop
    assert copied(Line.model_construct(item="pen")).model_fields_set == {"item"}


def test_what_cannot_be_copied_is_named() -> None:
    with pytest.raises(InvalidCallError, match="an argument cannot be copied: cannot pickle"):
        Orders.anything(threading.Lock())


def test_an_error_of_the_method_is_the_callers() -> None:
    with pytest.raises(RuntimeError, match="card 4"):
        Orders.pay("4111")


def test_an_endpoint_outside_of_a_service_is_refused() -> None:
    with pytest.raises((EnctestError, RuntimeError)) as caught:  # Python 3.11 wraps it in a RuntimeError

        class Orders:
            @api
            def place(self) -> None: ...

    error = caught.value if isinstance(caught.value, EnctestError) else caught.value.__cause__
    assert isinstance(error, EnctestError)
    assert "and Orders is no service" in error.title


def test_what_has_no_instance_is_no_endpoint() -> None:
    def place() -> None: ...

    functions: list[Any] = [staticmethod(place), place]
    for function in functions:
        with pytest.raises(EnctestError, match="place is no method of an instance"):
            api(function)


def test_a_generator_is_no_endpoint() -> None:
    with pytest.raises(EnctestError, match="is a generator"):

        class Orders(Service):
            @api
            def lines(self) -> Any:
                yield 1
