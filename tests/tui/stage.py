"""A feed without an explorer, and a shop's tests and traces to put on it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from enctest import events as ev
from enctest.config import Settings
from enctest.databases.kept import Kept
from enctest.explorer.client import Feed
from enctest_tui.app import EnctestApp
from enctest_tui.database import Look

HERE = Path(__file__).parent
NOW = 1_700_000_000.0
"""Seconds since the epoch, for the events."""
START = 50_000_000_000
"""Nanoseconds of the monotonic clock at which traces begin."""
BULK = "tests/api/test_checkout.py::TestDiscounts::test_ten_of_a_kind_are_ten_per_cent_off"
BANK = "tests/api/test_checkout.py::TestBusyBank::test_is_asked_again_after_growing_pauses"
HISTORY = "tests/database/test_order_history.py::test_lists_every_order_with_its_lines"
SLOW_MS = 1523.0


class FakeFeed:
    """Hands out what `tell` is given; notes what is sent; answers it from `details`, `users`, `bases`."""

    def __init__(self, *told: ev.ExplorerEvent) -> None:
        self.closed = ""
        self.sent: list[ev.Command] = []
        self.details: dict[str, ev.Details] = {}
        self.users: list[ev.Users] = []
        self.findings: dict[str, tuple[ev.Finding, ...]] = {}
        self.bases: dict[tuple[str, ev.Against], tuple[int, tuple[ev.Span, ...]]] = {}
        self.was_closed = False
        self._events: deque[ev.ExplorerEvent] = deque(told)
        self._arrived = asyncio.Event()
        if told:
            self._arrived.set()

    def tell(self, *told: ev.ExplorerEvent) -> None:
        """Let these events arrive."""
        self._events.extend(told)
        self._arrived.set()

    def end(self, why: str) -> None:
        """Let the connection end."""
        self.closed = why
        self._arrived.set()

    def drain(self, limit: int = 5000) -> Sequence[ev.ExplorerEvent]:
        """Return what has arrived."""
        batch = [self._events.popleft() for _ in range(min(limit, len(self._events)))]
        if not self._events and not self.closed:
            self._arrived.clear()
        return batch

    def send(self, command: ev.Command) -> None:
        """Note a command."""
        self.sent.append(command)
        if isinstance(command, ev.Follow) and command.test in self.details:
            self.tell(self.details[command.test])
        if isinstance(command, ev.FindUsers):
            asked = (command.path, command.function)
            self.tell(*(answer for answer in self.users if (answer.path, answer.function) == asked))
        if isinstance(command, ev.Explain):
            found = self.findings.get(command.test, ())
            self.tell(ev.Findings(test=command.test, run=command.run, findings=found))
        if isinstance(command, ev.FindBase):
            run, spans = self.bases.get((command.other or command.test, command.against), (0, ()))
            answer = ev.Base(
                test=command.test,
                run=command.run,
                against=command.against,
                other=command.other,
                base_run=run,
                spans=spans,
            )
            self.tell(answer)

    async def wait(self) -> None:
        """Wait for `tell` or `end`."""
        await self._arrived.wait()

    async def close(self) -> None:
        """Note it."""
        self.was_closed = True

    def commands(self, kind: type[ev.Command]) -> list[ev.Command]:
        """Return the commands of one kind that were sent."""
        return [command for command in self.sent if isinstance(command, kind)]


class Clock:
    """A monotonic clock that stands still."""

    def __init__(self, now_ns: int = START) -> None:
        self.now_ns = now_ns

    def __call__(self) -> int:
        return self.now_ns


async def nothing_kept(_root: Path, _test: str) -> Sequence[Kept]:
    """Look for what a test has left in its databases, in vain."""
    return ()


def make_app(
    *feeds: FakeFeed,
    root: Path = HERE,
    settings: Settings | None = None,
    clock: Callable[[], int] | None = None,
    look: Look = nothing_kept,
) -> EnctestApp:
    """Return the app on these feeds; each restart takes the next."""
    rest = iter(feeds)

    async def open_feed() -> Feed:
        return next(rest)

    return EnctestApp(open_feed, root, settings or Settings(), clock=clock or Clock(), look=look)


# --- a small project, for behaviour -------------------------------------------------------------------


def info(test: str, line: int = 1, *markers: str) -> ev.TestInfo:
    """Return what collection knows of a test."""
    return ev.TestInfo(test=test, path=test.partition("::")[0], line=line, markers=markers)


def attached(*states: ev.TestState, root: str = str(HERE), phase: Any = "idle") -> ev.Attached:
    """Return the first event of a feed."""
    return ev.Attached(
        t=NOW,
        root=root,
        python="python",
        args=(),
        versions={},
        tests=states,
        phase=phase,
    )


def state(test: str, outcome: ev.Outcome | None = "passed", line: int = 1, **more: Any) -> ev.TestState:
    """Return what is known of a test."""
    return ev.TestState(info=info(test, line), outcome=outcome, duration_ms=2.0, **more)


def finished(test: str, outcome: ev.Outcome = "passed", run: int = 1, **more: Any) -> ev.TestFinished:
    """Return a test's end."""
    return ev.TestFinished(t=NOW, run=run, test=test, outcome=outcome, duration_ms=3.0, **more)


def started(
    span: int, parent: int | None, name: str, kind: ev.SpanKind = "internal", ms: float = 0.0, **more: Any
) -> ev.SpanStarted:
    """Return a span's start, `ms` after the trace's."""
    start = START + int(ms * 1e6)
    test = str(more.pop("test", "a.py::test_a"))
    return ev.SpanStarted(
        t=NOW, run=1, test=test, span=span, parent=parent, name=name, kind=kind, start_ns=start, **more
    )


def ended(span: int, ms: float, status: ev.SpanStatus = "ok", test: str = "a.py::test_a") -> ev.SpanEnded:
    """Return a span's end, `ms` after the trace's start."""
    end = START + int(ms * 1e6)
    return ev.SpanEnded(t=NOW, run=1, test=test, span=span, status=status, duration_ms=ms, end_ns=end)


# --- the shop, for screenshots ------------------------------------------------------------------------


def shop_tests() -> list[str]:
    """Return the node ids of the sample project."""
    return (HERE / "shop.txt").read_text(encoding="utf-8").splitlines()


def shop_states(**outcomes: ev.Outcome) -> Iterator[ev.TestState]:
    """Yield the sample project's tests as they stand after a run; one fails."""
    lines: dict[str, int] = {}
    for place, test in enumerate(shop_tests()):
        function = test.partition("[")[0]
        lines.setdefault(function, 12 + 7 * len(lines))
        slow = test == BANK
        seconds = (
            SLOW_MS
            if slow
            else {"unit": 0.3, "data": 6.2, "api/": 21.0}.get(test[6:10], 31.0) * (1 + place % 7 / 9)
        )
        outcome: ev.Outcome = "failed" if test == BULK else "passed"
        yield ev.TestState(
            info=info(test, lines[function]),
            outcome=outcomes.get(test, outcome),
            duration_ms=44.2 if test == BULK else seconds,
            message="AssertionError: 10 pieces at €8.00 must save €8.00" if test == BULK else "",
        )


def shop_attached(**more: Any) -> ev.Attached:
    """Return the sample project, idle, with its database."""
    database = ev.DatabaseStatus(name="shop", state="ready", detail="postgresql 18.6")
    given: dict[str, Any] = {"phase": "idle", "tests": tuple(shop_states()), **more}
    return ev.Attached(
        t=NOW,
        root="/home/ada/shop",
        python="/home/ada/shop/.venv/bin/python",
        args=(),
        versions={"python": "3.13.0", "pytest": "9.2.0"},
        databases=(database,),
        **given,
    )


def shop_users() -> list[ev.Users]:
    """Return who runs the functions of the sample project's pricing, and how many need its other files."""
    tests = shop_tests()
    priced = tuple(test for test in tests if "checkout" in test or "pricing" in test)
    bulk = tuple(test for test in priced if "Discounts" in test or "ten" in test)
    files = {
        "money": 92,
        "database": 69,
        "errors": 92,
        "orders/pricing": 25,
        "orders/checkout": 19,
        "settings": 92,
    }
    functions = (("subtotal", 12, 25), ("bulk_discount", 30, len(bulk)), ("Price.total", 61, 25))
    pricing = "shop/orders/pricing.py"
    return [
        ev.Users(
            t=NOW,
            path=None,
            uses=tuple(ev.Use(name=f"shop/{name}.py", tests=count) for name, count in files.items()),
        ),
        ev.Users(
            t=NOW,
            path=pricing,
            uses=tuple(ev.Use(name=name, tests=count, line=line) for name, line, count in functions),
            tests=priced,
        ),
        ev.Users(t=NOW, path=pricing, function="bulk_discount", tests=bulk),
    ]


FAILURE = """\
self = <test_checkout.TestDiscounts object at 0x7f2a51c0>
place_order = <function place_order.<locals>.place at 0x7f2a4e80>
make_product = <function make_product.<locals>.make at 0x7f2a5580>

    async def test_ten_of_a_kind_are_ten_per_cent_off(
        self, place_order: PlaceOrder, make_product: MakeProduct
    ) -> None:
        tea = await make_product(price=8_00)
        order = (await place_order({tea.sku: 10})).json()

>       assert order["bulk_discount"] == 8_00, "10 pieces at €8.00 must save €8.00"
E       AssertionError: 10 pieces at €8.00 must save €8.00
E       assert 0 == 800

tests/api/test_checkout.py:80: AssertionError"""
