"""Words for the screen: durations, plurals, and text that no terminal can stumble over."""

from __future__ import annotations

from rich.cells import cell_len, set_cell_size

_SECOND = 1000.0
_MINUTE = 60 * _SECOND
_TEN = 10.0
_TENTH = 0.095

_HARMLESS = dict.fromkeys((*range(32), *range(127, 160)), "�")
_HARMLESS |= {ord("\t"): "    ", ord("\n"): "⏎", ord("\r"): "␍", 0x2028: "⏎", 0x2029: "⏎"}
_HARMLESS |= dict.fromkeys(
    (*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F), "\N{REPLACEMENT CHARACTER}"
)
_HARMLESS |= dict.fromkeys(range(0xD800, 0xE000), "\N{REPLACEMENT CHARACTER}")


def clean(text: str) -> str:
    """Return `text` without characters that move the cursor, start an escape or turn the line around."""
    return text if text.isascii() and text.isprintable() else text.translate(_HARMLESS)


def one_line(text: str) -> str:
    """Return `text` with every run of white space as one space, cleaned."""
    return clean(" ".join(text.split()))


def fit(text: str, width: int) -> str:
    """Return `text` cut to `width` cells, with an ellipsis where something is missing."""
    if width <= 0:
        return ""
    if text.isascii():
        return text if len(text) <= width else text[: width - 1] + "…"
    if cell_len(text) <= width:
        return text
    return set_cell_size(text, width - 1).rstrip() + "…"


def wrap(text: str, width: int) -> list[str]:
    """Return `text` in pieces of at most `width` cells, cut after a space where one is near."""
    if width < 1 or (text.isascii() and len(text) <= width) or cell_len(text) <= width:
        return [text]
    pieces, start = [], 0
    while start < len(text):
        end = _reach(text, start, width)
        space = text.rfind(" ", start + width * 2 // 3, end) if end < len(text) else -1
        if space > 0:
            end = space + 1
        pieces.append(text[start:end])
        start = end
    return pieces


def _reach(text: str, start: int, width: int) -> int:
    """Return where a piece of `width` cells ends that begins at `start`, one character on at least."""
    piece = text[start : start + width]
    if piece.isascii():
        return start + len(piece)
    used = 0
    for at, character in enumerate(piece, start):
        used += cell_len(character)
        if used > width:
            return max(at, start + 1)
    return start + len(piece)


def duration(ms: float) -> str:
    """Return a duration (milliseconds) in at most seven characters: `45 µs`, `0.4 ms`, `184 ms`, `3.1 s`."""
    if 0 < ms < _TENTH:
        return f"{ms * 1000:.0f} µs"
    if ms < _TEN:
        return f"{ms:.1f} ms"
    if ms < _SECOND - 0.5:
        return f"{ms:.0f} ms"
    if ms < _MINUTE:
        return f"{ms / _SECOND:.1f} s" if ms < 10 * _SECOND else f"{ms / _SECOND:.0f} s"
    minutes, seconds = divmod(round(ms / _SECOND), 60)
    return f"{minutes} m {seconds} s" if minutes < 10 else f"{minutes} m"  # noqa: PLR2004 - seven characters


def plural(number: int, noun: str) -> str:
    """Return `1 test` or `2 tests`, with thousands set apart."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
