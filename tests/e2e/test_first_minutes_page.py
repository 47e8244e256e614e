"""What the tour of the first ten minutes says: keys that there are, and the sample project as it is."""

from __future__ import annotations

import re
from pathlib import Path

from enctest.config import load
from enctest_tui.actions import ACTIONS, display

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/first-minutes.md").read_text(encoding="utf-8")
DEMO = ROOT / "tui/enctest_tui/demo"
STEPS = re.findall(r"^(\d+)\. \*\*(.+?)\*\*(.*?)(?=^\d+\. |^\S|\Z)", PAGE, re.MULTILINE | re.DOTALL)
SIGNS = {"◆", ">", ">="}
"""What is written like keys and is none."""


def keys_of(text: str) -> set[str]:
    """Return what a text writes like keys."""
    found = re.findall(r"`([^`\s\w]|\w|[A-Z][a-z]{2,4}|F\d|Ctrl\+\w)`", text)
    return set(found) - SIGNS


def test_twenty_things_in_order() -> None:
    assert [int(number) for number, _, _ in STEPS] == list(range(1, 21))
    asked = [name for _, name, text in STEPS if not keys_of(text) and "Save" not in text]
    assert asked == ["Open it."]


def test_their_keys_are_those_of_the_app() -> None:
    there = {display(key, 1) for action in ACTIONS for key in action.keys.split(",")}
    named = {f"^{key[5:]}" if key.startswith("Ctrl+") else key for key in keys_of(PAGE)}
    assert len(named) > 25
    assert named <= there


def test_what_it_says_of_the_shop_is_there() -> None:
    """The numbers of outcomes are those that opening the sample shows, see `test_wheel`."""
    pricing = (DEMO / "shop/orders/pricing.py").read_text(encoding="utf-8")
    assert "if line.quantity > BULK_FROM:" in pricing
    tests = "".join(path.read_text(encoding="utf-8") for path in DEMO.glob("tests/**/test_*.py"))
    for test in re.findall(r"`(test_\w+)`", PAGE):
        assert f"def {test}(" in tests
    assert load(DEMO).databases["shop"].isolation == "test"  # else nothing is kept of a failed test


def test_the_readme_leads_there() -> None:
    assert "(docs/first-minutes.md)" in (ROOT / "README.md").read_text(encoding="utf-8")
