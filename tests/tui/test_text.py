"""Words for the screen."""

from __future__ import annotations

import pytest
from rich.cells import cell_len

from enctest_tui.text import clean, duration, fit, one_line, plural, wrap


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("test_x[red]", "test_x[red]"),
        ("\x1b[31mred", "\N{REPLACEMENT CHARACTER}[31mred"),
        ("a\tb\nc\r", "a    b⏎c␍"),
        ("right\u202eleft", "right\N{REPLACEMENT CHARACTER}left"),
        ("lone \ud800 surrogate", "lone \N{REPLACEMENT CHARACTER} surrogate"),
        ("日本 ünï", "日本 ünï"),
    ],
)
def test_nothing_that_could_move_the_cursor_gets_through(text: str, shown: str) -> None:
    assert clean(text) == shown


def test_a_statement_becomes_one_line() -> None:
    assert one_line("SELECT *\n    FROM\torders") == "SELECT * FROM orders"


@pytest.mark.parametrize("text", ["short", "a longer piece of text", "日本語のテスト名", ""])
@pytest.mark.parametrize("width", [0, 1, 5, 9, 40])
def test_cut_text_never_exceeds_its_cells(text: str, width: int) -> None:
    assert cell_len(fit(text, width)) <= width
    assert fit(text, 40) == text


@pytest.mark.parametrize(
    "text", ["", "words that go on and on for a while", "x" * 50, "日本語" * 20, "a日b本" * 9]
)
@pytest.mark.parametrize("width", [1, 2, 7, 20])
def test_wrapped_pieces_fit_and_hold_everything(text: str, width: int) -> None:
    pieces = wrap(text, width)
    assert "".join(pieces) == text
    assert all(cell_len(piece) <= max(width, 2) for piece in pieces)
    assert pieces


def test_lines_break_after_words_where_they_can() -> None:
    assert wrap("the quick brown fox", 12) == ["the quick ", "brown fox"]


@pytest.mark.parametrize(
    ("ms", "shown"),
    [
        (0, "0.0 ms"),
        (0.44, "0.4 ms"),
        (184.2, "184 ms"),
        (999.7, "1.0 s"),
        (3100, "3.1 s"),
        (65_000, "1 m 5 s"),
        (4e6, "66 m"),
    ],
)
def test_durations_are_short(ms: float, shown: str) -> None:
    assert duration(ms) == shown
    assert len(duration(ms)) <= 8


def test_plurals() -> None:
    assert [plural(1, "test"), plural(50_000, "test")] == ["1 test", "50,000 tests"]
