"""Options and fixtures of all tests."""

from __future__ import annotations

import os

import pytest

# Textual reads these while it is imported.
os.environ.pop("NO_COLOR", None)
os.environ.pop("TEXTUAL_THEME", None)
os.environ["TEXTUAL_ANIMATIONS"] = "none"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--update-screenshots`."""
    parser.addoption(
        "--update-screenshots",
        action="store_true",
        help="write the golden screens in screenshots/ anew instead of comparing with them",
    )
