"""What is foreign to a project: folders whose content is installed, generated or kept by tools."""

from __future__ import annotations

import os

FOREIGN_FOLDERS = frozenset(
    {
        ".cache", ".direnv", ".eggs", ".enctest", ".git", ".hg", ".hypothesis", ".idea", ".mypy_cache",
        ".nox", ".pytest_cache", ".ruff_cache", ".svn", ".tox", ".venv", ".vscode", "__pycache__",
        "__pypackages__", "dist-packages", "htmlcov", "node_modules", "site-packages",
    }
)  # fmt: skip
"""Names of such folders."""


def is_foreign_folder(folder: str, name: str) -> bool:
    """Tell whether the folder `name` at path `folder` is no source (a virtual environment, too)."""
    return name in FOREIGN_FOLDERS or os.path.isfile(os.path.join(folder, "pyvenv.cfg"))  # noqa: PTH113, PTH118 - hot
