"""Finds what a name such as `package.module:Class` stands for, in the project too."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any


def load(place: str, root: Path | str) -> Any:
    """Import and return it; the project's folder is on the path meanwhile.

    Args:
        place: Module and name.
        root: The project's folder.

    Raises:
        ImportError: There is no such module.
        AttributeError: It has no such name.
    """
    module, _, name = place.partition(":")
    found: Any = sys.modules.get(module)
    if found is None:
        sys.path.insert(0, str(root))
        try:
            found = importlib.import_module(module)
        finally:
            sys.path.remove(str(root))
    for part in name.split("."):
        found = getattr(found, part)
    return found
