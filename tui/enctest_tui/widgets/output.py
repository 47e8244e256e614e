"""The Output tab: what a test printed and logged, as pytest captured it."""

from __future__ import annotations

from collections.abc import Sequence

from rich.ansi import AnsiDecoder
from rich.text import Text

from enctest.events import Section
from enctest_tui.facts import Details
from enctest_tui.text import clean
from enctest_tui.widgets.text_view import Piece, TextView

Line = list[Piece]
LIMIT = 20_000
"""Lines that are shown of one section; of more, the last."""
_WIDEST = 2_000
"""Characters that are shown of one line."""


class OutputView(TextView):
    """The captured sections, each under its title."""

    def show_details(self, details: Details, above: Sequence[Line] = ()) -> None:
        """Show one test's output below what has to be known before it is read."""
        self.message = (
            "running…" if details.running else "no output was captured" if details.known else "not run yet"
        )
        lines: list[Line] = []
        for section in details.sections:
            lines += [*_section(section), []]
        self.show([*above, *lines] if lines else [])


def _section(section: Section) -> list[Line]:
    rows = section.text.rstrip("\n").split("\n")
    lines: list[Line] = [[(clean(section.title), "strong")]]
    if len(rows) > LIMIT:
        lines.append([(f"… {len(rows) - LIMIT:,} lines before these are not shown", "dim")])
        rows = rows[-LIMIT:]
    decoder = AnsiDecoder()
    return [*lines, *(_row(row, decoder) for row in rows)]


def _row(row: str, decoder: AnsiDecoder) -> Line:
    return _pieces(decoder.decode_line(row)) if "\x1b" in row else [(_bounded(row), "plain")]


def _bounded(row: str) -> str:
    shown = clean(row.expandtabs(8))
    return shown if len(shown) <= _WIDEST else f"{shown[:_WIDEST]} … {len(shown) - _WIDEST:,} more characters"


def _pieces(text: Text) -> Line:
    """Return coloured output as pieces whose inks are Rich styles."""
    pieces: Line = []
    for part in text.divide(sorted({at for span in text.spans for at in (span.start, span.end)})):
        style = str(part.spans[0].style) if part.spans else ""
        pieces.append((_bounded(part.plain), f"={style}" if style else "plain"))
    return pieces
