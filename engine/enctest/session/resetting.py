"""The pytest plugin that makes databases fresh before each test that is to have them so."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from enctest import config as settings
from enctest.databases import resets
from enctest.databases.resets import VARIABLE, Isolation
from enctest.errors import EnctestError
from enctest.paths import Project
from enctest.session.wishes import wanted

if TYPE_CHECKING:
    from enctest.databases.manager import DatabaseManager

_KINDS: tuple[Isolation, ...] = ("shared", "test", "transaction")
_held: list[DatabaseManager] = []
"""What this process has leased for itself; it goes when the process does."""


class ResetPlugin:
    """Works in the process that runs the tests; does nothing where all of them share a copy.

    Args:
        text: What was lent, as in `resets.VARIABLE`.
    """

    def __init__(self, text: str) -> None:
        self._lent = resets.lent(text)

    def take(self, text: str) -> None:
        """Go on with other databases, in a fork."""
        before, self._lent = self._lent, resets.lent(text)
        for one in self._lent:
            if one.inside and one not in before:  # for example, the migrations changed
                one.run()

    @property
    def variables(self) -> frozenset[str]:
        """The environment variables that lead to databases which each worker has for itself."""
        return frozenset(variable for one in self._lent if not one.inside for variable in one.variables)

    def begin(self) -> None:
        """Make what is in this process's memory, before anything of the project is imported."""
        for one in self._lent:
            if one.inside:
                one.run()

    def own(self, root: Path) -> dict[str, str]:
        """Lease databases for this process alone, which is a worker; return the variables to set.

        Raises:
            pytest.exit.Exception: They are not to be had.
        """
        names = [one.name for one in self._lent if not one.inside]
        if not names:
            return {}
        from enctest.databases.manager import DatabaseManager

        try:
            declared = settings.load(root).databases
            mine = {name: declared[name] for name in names}
            manager = DatabaseManager(mine, Project(root=root, invocation=root, state=root, runtime=root))
            _held.append(manager)
            env = manager.lease("worker").env
        except EnctestError as error:
            pytest.exit(f"no databases for this worker: {error}", returncode=error.exit_code)
        self._lent = [one for one in self._lent if one.inside] + resets.lent(env.get(VARIABLE, ""))
        return env

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Make fresh what the test is to have fresh, before its fixtures."""
        for one in self._lent:
            if wanted(item, one.name, one.isolation, _KINDS) == "shared":
                continue
            try:
                one.run()
            except (EnctestError, OSError) as error:
                pytest.fail(f"database {one.name} cannot be made fresh: {error}", pytrace=False)
