"""The way to the explorer: the one place that knows how it is started and joined."""

from __future__ import annotations

from collections.abc import Sequence

from enctest.explorer.client import Feed, connect, spawn
from enctest.paths import Project


class Link:
    """Starts the explorer of a project at once, so that it warms up while Textual is imported."""

    def __init__(self, project: Project, args: Sequence[str], python: str) -> None:
        self.project = project
        self._args = tuple(args)
        self._python = python
        self._handle = spawn(project, self._args, python)

    async def open(self) -> Feed:
        """Join the explorer, which is started again when it has gone.

        Raises:
            EnctestError: It did not start.
        """
        return await connect(self._handle)
