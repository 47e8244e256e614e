"""A thread that does the history's writing, in order."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from enctest.errors import EnctestError


class Writer:
    """Runs functions one after the other on one thread.

    Args:
        on_error: Called, on that thread, with each expected failure.
    """

    def __init__(self, on_error: Callable[[EnctestError], None]) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="enctest-store")
        self._on_error = on_error

    def do(self, function: Callable[..., None], **arguments: Any) -> None:
        """Queue a call."""
        self._pool.submit(self._call, function, arguments)

    def close(self) -> None:
        """Wait until everything queued is done."""
        self._pool.shutdown(wait=True)

    def _call(self, function: Callable[..., None], arguments: dict[str, Any]) -> None:
        try:
            function(**arguments)
        except EnctestError as error:
            self._on_error(error)
