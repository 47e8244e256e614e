"""The base of every big list: it draws lines, and holds no widget and no node per row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from enctest_tui.actions import Where
from enctest_tui.keys import bindings

INKS = (
    "plain", "strong", "dim", "faint", "rail", "good", "bad", "bad-old", "bad-strong", "warn",
    "outdated", "accent", "db",
    "http", "fixture", "match", "keyword", "string", "number", "comment", "name", "bar", "bar-phase",
    "bar-bad", "bar-bad-outer", "bar-open", "bar-open-outer", "bar-db", "bar-http", "bar-fixture", "bar-lost",
)  # fmt: skip
"""Names of text styles; `line_view.tcss` gives them colours from the theme."""


_CLEARER = {
    "rail": "faint", "faint": "dim", "dim": "plain", "comment": "dim",
    "bar-phase": "dim", "bar-fixture": "dim", "bar-bad-outer": "bar-bad", "bar-open-outer": "bar-open",
}  # fmt: skip
"""What takes the place of a quiet ink on the cursor's line."""


_REMEMBERED = 400
"""Drawn lines that are kept at most."""


class LineView(ScrollView, can_focus=True):
    """A list of lines with a cursor. Subclasses say how many there are and draw one."""

    BINDINGS: ClassVar[list[BindingType]] = bindings("list")
    COMPONENT_CLASSES: ClassVar[set[str]] = {f"ink--{ink}" for ink in INKS} | {
        "line--cursor", "line--cursor-elsewhere", "line--mark",
    }  # fmt: skip
    ALLOW_SELECT = False
    KIND: ClassVar[Where] = "list"
    """Which actions of the registry it answers besides those of every list."""
    HAS_CURSOR: ClassVar[bool] = True
    """Whether a line is selected; else the keys that move it scroll, and `cursor` is the first line shown."""

    cursor: reactive[int] = reactive(0, repaint=False, init=False)
    """Index of the selected line."""

    @dataclass
    class Moved(Message):
        """The cursor has come to another line."""

        view: LineView

        @property
        def control(self) -> LineView:
            """The list it happened in."""
            return self.view

    @dataclass
    class Chosen(Message):
        """Enter was pressed on the line, or it was clicked twice."""

        view: LineView

        @property
        def control(self) -> LineView:
            """The list it happened in."""
            return self.view

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's word
        super().__init__(id=id)
        self._inks: dict[tuple[str, bool], Style] = {}
        self._on_cursor = False
        self._wants_showing = False
        self._base = Style()
        self._strips: dict[object, Strip] = {}
        self._drawn_in: tuple[object, ...] = (None,)
        self._papers: dict[str, Style] = {}
        self.line_count = 0

    # --- for subclasses ------------------------------------------------------------------------------

    def draw(self, index: int, width: int) -> list[Segment]:
        """Return the text of one line, at most `width` cells."""
        raise NotImplementedError

    def empty(self) -> str:
        """Return what to say when there are no lines."""
        return ""

    def marked(self, _index: int) -> bool:
        """Say whether a line stands out though the cursor is elsewhere."""
        return False

    def steady(self) -> object:
        """Return all that lines depend on besides themselves: drawn ones are used again; None for never."""
        return None

    def identity(self, index: int) -> object:
        """Return what a line depends on, for lists that say what is steady."""
        raise NotImplementedError

    def shows_cursor(self) -> bool:
        """Say whether the cursor's line stands out."""
        return self.HAS_CURSOR

    def labels(self) -> dict[str, str]:
        """Return what some actions are called here, by id; empty for those that do nothing now."""
        return {}

    def ink(self, name: str) -> Style:
        """Return a text style of the theme; on the cursor's line, one that can be read there."""
        key = (name, self._on_cursor)
        style = self._inks.get(key)
        if style is None:
            shown = _CLEARER.get(name, name) if self._on_cursor else name
            styles = self.get_component_styles(f"ink--{shown}")
            blended = self.background_colors[1] + styles.color
            style = self._inks[key] = Style(color=blended.rich_color) + styles.text_style
        return style

    def _paper(self, name: str) -> Style:
        """Return the background of a line that stands out."""
        style = self._papers.get(name)
        if style is None:
            blended = self.background_colors[1] + self.get_component_styles(f"line--{name}").background
            style = self._papers[name] = Style(bgcolor=blended.rich_color)
        return style

    def set_lines(self, count: int, *, width: int = 0) -> None:
        """Say how many lines there are now, and how wide if they can be scrolled sideways."""
        self.line_count = count
        size = Size(width or self.scrollable_content_region.width, count)
        if size != self.virtual_size:
            self.virtual_size = size
        self.refresh()

    # --- drawing -------------------------------------------------------------------------------------

    def render_lines(self, crop: Region) -> list[Strip]:
        """Draw some lines of the screen; their base is the same, and is blended from all around it."""
        self._base = self.rich_style
        steady = self.steady()
        drawn_in = steady, self._base, self.scrollable_content_region.width, self.has_focus
        if steady is None or drawn_in != self._drawn_in or len(self._strips) > _REMEMBERED:
            self._strips.clear()
        self._drawn_in = drawn_in
        return super().render_lines(crop)

    def render_line(self, y: int) -> Strip:
        """Draw one line of the screen."""
        width = self.scrollable_content_region.width or self.size.width
        index = y + self.scroll_offset.y
        base = self._base
        if index >= self.line_count:
            text = self.empty() if self.line_count == 0 and y == 1 else ""
            segments = [Segment(f"  {text}", self.ink("dim"))] if text else []
            return Strip(segments).adjust_cell_length(width, base).apply_style(base)
        self._on_cursor = on_cursor = index == self.cursor and self.shows_cursor()
        marked = self.marked(index)
        key = (self.identity(index), on_cursor, marked) if self._drawn_in[0] is not None else None
        known = self._strips.get(key)
        if known is not None:
            self._on_cursor = False
            return known
        strip = Strip(self.draw(index, width)).adjust_cell_length(width)
        if self._on_cursor:
            self._on_cursor = False
            base += self._paper("cursor" if self.has_focus else "cursor-elsewhere")
        elif marked:
            base += self._paper("mark")
        strip = strip.apply_style(base)
        if key is not None:
            self._strips[key] = strip
        return strip

    def repaint(self, first: int, count: int = 1) -> None:
        """Draw some lines again, if they can be seen."""
        top = self.scroll_offset.y
        start, end = max(first, top), min(first + count, top + self.size.height)
        if start < end:
            self.refresh(Region(0, start - top, self.size.width, end - start))

    def notify_style_update(self) -> None:
        """Forget colours when the theme changes."""
        self._inks.clear()
        self._strips.clear()
        self._papers.clear()
        super().notify_style_update()

    # --- moving --------------------------------------------------------------------------------------

    def validate_cursor(self, cursor: int) -> int:
        """Keep the cursor on a line."""
        return max(0, min(cursor, self.line_count - 1))

    def watch_cursor(self, old: int, new: int) -> None:
        """Draw both lines again and tell."""
        self.repaint(old)
        self.repaint(new)
        self.post_message(self.Moved(self))

    def go_to(self, index: int, *, middle: bool = False) -> None:
        """Put the cursor on a line and scroll as little as it takes; `middle` leaves room around."""
        self.cursor = index
        self.show_cursor(middle=middle)

    def show_cursor(self, *, middle: bool = False) -> None:
        """Scroll so that the cursor can be seen, as soon as it is known how much fits on the screen."""
        height = self.scrollable_content_region.height
        top = self.scroll_offset.y
        index = self.cursor
        if height <= 0:
            self._wants_showing = True  # there is no room yet, or the list is hidden
        elif not top <= index < top + height:
            away = height // 3 if middle or not -height < index - top < 2 * height else 0
            y = index - away if index < top else index - height + 1 + away
            self.scroll_to(y=max(0, y), animate=False, force=True)

    def on_resize(self, _event: events.Resize) -> None:
        """There may be room now."""
        self._show_late()

    def on_show(self) -> None:
        """The list can be seen now."""
        self._show_late()

    def _show_late(self) -> None:
        """Scroll to the cursor if that had to wait."""
        if self._wants_showing:
            self._wants_showing = False
            self.call_after_refresh(self.show_cursor, middle=True)

    def _user_goes_to(self, index: int) -> None:
        self.touched()
        if self.HAS_CURSOR:
            self.go_to(index)
        else:
            self.cursor = min(index, self.max_scroll_y)
            self.scroll_to(y=self.cursor, animate=False, force=True)

    def touched(self) -> None:
        """Called when the user moves the cursor."""

    def action_up(self) -> None:
        """Move one line up."""
        self._user_goes_to(self.cursor - 1)

    def action_down(self) -> None:
        """Move one line down."""
        self._user_goes_to(self.cursor + 1)

    def action_page_up(self) -> None:
        """Move one page up."""
        self._user_goes_to(self.cursor - max(1, self.size.height - 1))

    def action_page_down(self) -> None:
        """Move one page down."""
        self._user_goes_to(self.cursor + max(1, self.size.height - 1))

    def action_half_up(self) -> None:
        """Move half a page up."""
        self._user_goes_to(self.cursor - max(1, self.size.height // 2))

    def action_half_down(self) -> None:
        """Move half a page down."""
        self._user_goes_to(self.cursor + max(1, self.size.height // 2))

    def action_first(self) -> None:
        """Move to the first line."""
        self._user_goes_to(0)

    def action_last(self) -> None:
        """Move to the last line."""
        self._user_goes_to(self.line_count - 1)

    def action_choose(self) -> None:
        """Open the line."""
        if self.line_count:
            self.post_message(self.Chosen(self))

    def on_click(self, event: events.Click) -> None:
        """Select the line that was clicked; choose it on the second click."""
        index = event.y + self.scroll_offset.y
        if not 0 <= index < self.line_count:
            return
        self.touched()
        if self.HAS_CURSOR:
            self.cursor = index
        if event.chain > 1:
            self.action_choose()
        else:
            self.clicked(index, event.x)

    def clicked(self, index: int, x: int) -> None:
        """A line was clicked once, `x` cells from the left."""

    def _wheel(self, lines: int) -> None:
        self.touched()
        top = max(0, min(self.scroll_offset.y + lines, self.max_scroll_y))
        self.scroll_to(y=top, animate=False, force=True)
        if not self.HAS_CURSOR:
            self.cursor = top

    def _on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self._wheel(3)

    def _on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self._wheel(-3)
