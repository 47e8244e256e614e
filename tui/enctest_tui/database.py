"""The shell of a managed database, in the suspended terminal."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from textual.app import App

from enctest_tui import foreground

_ENCTEST = [sys.executable, "-P", "-c", "import sys, enctest.cli; sys.exit(enctest.cli.main())", "db"]
_SECONDS = 20.0


def open_shell(app: App[None], databases: Sequence[str], test: str, root: Path) -> str:
    """Open psql or pgcli on the first database that has one; return what went wrong, or an empty string.

    Args:
        app: Gives up the terminal meanwhile.
        databases: Names, as declared.
        test: Whose copy, if it has failed; empty means what the last run had.
        root: The project's folder.
    """
    problem = "no database is managed here: see [tool.enctest.databases]"
    of_test = ["--test", test] if test else []
    for name in databases:
        # Asked first, since what the shell complains of could not be read when the app is back.
        try:
            asked = subprocess.run(
                [*_ENCTEST, "url", name, *of_test],
                cwd=root,
                capture_output=True,
                text=True,
                timeout=_SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"{name} cannot be asked for: {error}"
        if asked.returncode == 0:
            return foreground.run(app, [*_ENCTEST, "shell", name, *of_test], root)
        problem = asked.stderr.strip().removeprefix("enctest: ")
    return problem
