"""What a test asks of its databases, by the marker `database`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import pytest

MARKER = "database"
Kind = TypeVar("Kind", bound=str)


def wanted(item: pytest.Item, database: str, otherwise: Kind, kinds: Sequence[Kind], more: str = "") -> Kind:
    """Return a test's isolation: the nearest marker's that is about this database, else the project's.

    Raises:
        pytest.fail.Exception: A marker says something else than it may.
    """
    for marker in item.iter_markers(MARKER):
        if set(marker.kwargs) - {"isolation"} or not all(isinstance(arg, str) for arg in marker.args):
            pytest.fail("pytest.mark.database takes names of databases, and isolation=...", pytrace=False)
        if (marker.args and database not in marker.args) or "isolation" not in marker.kwargs:
            continue
        asked = marker.kwargs["isolation"]
        for kind in kinds:
            if kind == asked:
                return kind
        pytest.fail(f"isolation={asked!r}: there are {', '.join(kinds)}{more}", pytrace=False)
    return otherwise
