"""Edits within functions that have not run: the collected copy takes them over, and imports nothing again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from tests.engine.explorer.lab import Lab, explore

FILES = {
    "shop.py": """
        import functools
        import time

        MADE = time.time()

        def twice(number):
            return 2 * number

        DOUBLE = twice(21)

        class Basket:
            \"\"\"What somebody buys.\"\"\"

            def __init__(self, *prices):
                self.prices = prices

            def total(self):
                return sum(self.prices)

            @property
            def dear(self):
                return self.total() > 100

            @staticmethod
            def names(prefix, count=2):
                return [f"{prefix}{number}" for number in range(count)]

        class Small(Basket):
            def total(self):
                return super().total() - 1

        def counted(function):
            @functools.wraps(function)
            def wrapper(*args):
                wrapper.calls += 1
                return function(*args)

            wrapper.calls = 0
            return wrapper

        @counted
        def greet(name):
            return f"Hello {name}"

        def outer(number):
            def inner():
                return number + 1

            return inner

        def numbers():
            yield 1

        def late():
            return 7

        def fails():
            raise ValueError("no")

        HELD = {"greet": greet, "plus": lambda number: number + 1}
        """,
    "other.py": "OTHER = 1\n",
    "test_shop.py": """
        import linecache
        import os
        import pathlib
        import traceback

        import pytest
        import shop

        @pytest.fixture(autouse=True)
        def made():
            pathlib.Path(os.environ["MADE"]).write_text(str(shop.MADE))

        def test_double():
            assert shop.DOUBLE == shop.twice(21)

        def test_total():
            assert shop.Basket(1, 2).total() == 3

        def test_dear():
            assert shop.Basket(100, 2).dear

        def test_small():
            assert shop.Small(4).total() == 3

        def test_names():
            assert shop.Basket.names("a") == ["a0", "a1"]

        def test_greet():
            assert shop.HELD["greet"]("you") == "Hello you"
            assert shop.greet.calls == 1

        def test_plus():
            assert shop.HELD["plus"](1) == 2

        def test_outer():
            assert shop.outer(1)() == 2

        def test_numbers():
            assert list(shop.numbers()) == [1]

        def test_late():
            assert shop.late() == 7

        def test_fails():
            try:
                shop.fails()
            except ValueError as error:
                frame = traceback.extract_tb(error.__traceback__)[-1]
                linecache.checkcache()
                assert linecache.getline(frame.filename, frame.lineno).strip() == 'raise ValueError("no")'
        """,
}
"""A module of many kinds of functions, and tests of each."""


TAKEN_OVER = [
    ("sum(self.prices)", "sum(self.prices, 1)", {"total": "failed", "dear": "passed", "small": "failed"}),
    ("self.total() > 100", "self.total() > 1000", {"dear": "failed"}),
    ('f"{prefix}{number}"', 'f"{prefix}-{number}"', {"names": "failed"}),
    ("super().total() - 1", "super().total() - 2", {"small": "failed"}),
    ("Hello {name}", "Hi {name}", {"greet": "failed"}),
    ("return function(*args)", "return function(*args).lower()", {"greet": "failed"}),
    (
        "return number + 1\n\n            return",
        "return number + 2\n\n            return",
        {"outer": "failed"},
    ),
    ("yield 1", "yield 2", {"numbers": "failed"}),
    (
        'raise ValueError("no")',
        'why = "no"\n\n            raise ValueError("no") from None',
        {"fails": "failed"},
    ),
]
"""Edits, and the tests that run, with their outcomes."""
IMPORTED_AGAIN = [
    ("return 2 * number", "return number * 2", "`twice` has run"),
    ("lambda number: number + 1", "lambda number: 1 + number", "`<lambda>` has run"),
    ("DOUBLE = twice(21)", "DOUBLE = twice(22)", "a constant in `<module>`"),
    ("What somebody buys.", "What somebody likes.", "a constant in `Basket`"),
    ("prefix, count=2", "prefix, count=3", "a constant in `Basket`"),
    ("def late():", "def early():\n            return 6\n\n        def late():", "`<module>` has run"),
    ("def late():", 'def late():\n            """Come."""', "`late` is called differently now, or described"),
    ("return 7", "return 7 is 7", "it does not compile, or not without a warning"),
]
"""Edits, and why they need an import."""


def dedented(text: str) -> str:
    """Return text as it is in the project's files."""
    return text.replace("\n        ", "\n")


class Shop:
    """The project, in an explorer of this process.

    Args:
        lab: The explorer.
        made: A file with the time at which what ran last had been imported.
    """

    def __init__(self, lab: Lab, made: Path) -> None:
        self.lab = lab
        self._made = made

    async def edit(self, old: str, new: str) -> tuple[dict[str, str], bool]:
        """Edit the module; return what ran, and whether that went on from the import from before."""
        assert (await self.lab.places())[-1] == "collected"
        ran = await self.lab.edit("shop.py", dedented(old), dedented(new))
        chain = self.lab.explorer.hosts.chain
        await self.lab.until("it is told", lambda: all(point.revising is None for point in chain.points))
        outcomes = {test.partition("::test_")[2]: outcome for test, outcome in ran.items()}
        saved = (self.lab.sample.root / "shop.py").stat().st_mtime
        return outcomes, float(self._made.read_text()) < saved


def play(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    story: Callable[[Shop], Awaitable[None]],
    files: dict[str, str] = FILES,
) -> None:
    """Explore the project."""
    made = tmp_path / "made"
    monkeypatch.setenv("MADE", str(made))
    explore(tmp_path, monkeypatch, files, lambda lab: story(Shop(lab, made)))


def test_another_body_is_taken_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(shop: Shop) -> None:
        for old, new, outcomes in TAKEN_OVER:
            assert await shop.edit(old, new) == (outcomes, True), (old, shop.lab.explorer.hosts.unfit)
            ran, _ = await shop.edit(new, old)  # what had passed then is known again
            assert ran == {test: "passed" for test in outcomes if outcomes[test] == "failed"}, old

    play(tmp_path, monkeypatch, story)


def test_what_would_make_something_else_is_imported_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(shop: Shop) -> None:
        for old, new, reason in IMPORTED_AGAIN:
            ran, taken_over = await shop.edit(old, new)
            assert (shop.lab.explorer.hosts.unfit.startswith(reason), taken_over) == (True, not ran), (
                new, shop.lab.explorer.hosts.unfit, ran,
            )  # fmt: skip
            await shop.edit(new, old)

    play(tmp_path, monkeypatch, story)


def test_saves_that_follow_each_other_are_all_taken_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(shop: Shop) -> None:
        await shop.lab.places()
        for number in range(8, 12):
            ran = await shop.lab.edit("shop.py", f"return {number - 1}", f"return {number}")
            assert ran == {"test_shop.py::test_late": "failed"}
        await shop.lab.places()
        assert await shop.lab.edit("shop.py", "return 11", "return 7") == {
            "test_shop.py::test_late": "passed"
        }

    play(tmp_path, monkeypatch, story)


def test_what_a_new_body_imports_is_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(shop: Shop) -> None:
        imports = "import other\n\n            return 6 + other.OTHER"
        assert await shop.edit("return 7", imports) == ({"late": "passed"}, True)
        assert await shop.lab.edit("other.py", "1", "2") == {"test_shop.py::test_late": "failed"}

    play(tmp_path, monkeypatch, story)


def test_what_has_begun_goes_on_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(shop: Shop) -> None:
        ran, taken_over = await shop.edit("yield 1", "yield 2")
        assert (ran["numbers"], taken_over) == ("failed", False)
        assert shop.lab.explorer.hosts.unfit == "a generator or a coroutine of it has begun"

    begun = FILES["shop.py"] + "\n        BEGUN = numbers()\n"
    play(tmp_path, monkeypatch, story, FILES | {"shop.py": begun})
