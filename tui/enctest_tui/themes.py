"""Our own light theme, since Textual's is grey; the dark one is Textual's."""

from __future__ import annotations

from typing import Final

from textual.theme import Theme

DARK: Final = "textual-dark"
LIGHT: Final = Theme(
    name="enctest-light",
    primary="#0b62b0",
    secondary="#2f5d8a",
    accent="#b35c00",
    warning="#a15c00",
    error="#b3203f",
    success="#1f7a3d",
    foreground="#22262b",
    background="#fbfaf8",
    surface="#f1efea",
    panel="#e8e5de",
    dark=False,
)
