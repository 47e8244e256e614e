"""A pytest plugin that captures spans as a worker does, and writes them to a file, live."""

from __future__ import annotations

import os
import threading
from collections import deque
from pathlib import Path

import msgspec
import pytest

from enctest.tracing.capture import Capture
from enctest.tracing.steps import Item

_PAUSE = float(os.environ.get("SPAN_PAUSE", "0.02"))
"""Seconds between two looks at what has happened."""
_queue: deque[Item] = deque()
_done = threading.Event()
_path = Path(os.environ["SPAN_FILE"])  # read once: tests may empty the environment


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    ambient = os.environ.get("AMBIENT") != "off"
    capture = Capture(7, _queue.append, early_config.rootpath, ambient=ambient)
    capture.arm(early_config)
    threading.Thread(target=_send, daemon=True).start()


@pytest.hookimpl(trylast=True)
def pytest_unconfigure() -> None:
    _done.set()
    _flush()


def _send() -> None:
    while not _done.wait(_PAUSE):
        _flush()


_lock = threading.Lock()


def _flush() -> None:
    with _lock, _path.open("ab") as file:
        while _queue:
            item = _queue.popleft()
            record = item() if callable(item) else item
            if record is not None:
                file.write(msgspec.json.encode(record) + b"\n")
