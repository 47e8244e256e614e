"""What watches a session from within: dependency recording and tracing."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from enctest.events import Record
from enctest.session.job import Job


class Instruments:
    """Arms and disarms the recorders of one run."""

    def __init__(self, job: Job, emit: Callable[[Record], None]) -> None:
        self.job = job
        self.emit = emit

    def arm(self, config: pytest.Config) -> None:
        """Install hooks before anything of the project is imported."""

    def finish(self) -> None:
        """Tell what only the end knows."""
