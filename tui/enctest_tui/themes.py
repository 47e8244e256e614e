"""Our own light theme, since Textual's is grey, and one for 16 colours; the dark one is Textual's."""

from __future__ import annotations

from typing import Final

from rich.console import Console
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

_PURE: Final = {
    "primary": "#00afff",
    "secondary": "#00ffff",
    "accent": "#ffff00",
    "warning": "#ffff00",
    "error": "#ff0000",
    "success": "#00ff00",
}
SIXTEEN: Final = Theme(
    name="enctest-16",
    foreground="#ffffff",
    background="#000000",
    surface="#000000",
    panel="#000000",
    dark=True,
    variables={f"text-{name}": colour for name, colour in _PURE.items()},
    primary=_PURE["primary"],
    secondary=_PURE["secondary"],
    accent=_PURE["accent"],
    warning=_PURE["warning"],
    error=_PURE["error"],
    success=_PURE["success"],
)
"""Colours that are still told apart as the nearest of 16: Textual's are pale, and would all be grey."""


def fitting(theme: str) -> str:
    """Return the theme to show: on 16 colours, ours for them in place of the usual one."""
    return SIXTEEN.name if theme == DARK and Console().color_system == "standard" else theme
