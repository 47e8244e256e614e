"""Being called when a module has been imported."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from enctest.tracing.hooks.imports import ImportWatcher


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for name in [name for name in sys.modules if name.startswith("watched_")]:
        del sys.modules[name]


@pytest.fixture
def seen() -> Iterator[list[str]]:
    found: list[str] = []

    def note(module: ModuleType) -> None:
        found.append(f"{module.__name__}: {module.value}")

    watcher = ImportWatcher({"watched_a": note, "watched_b.inner": note})
    watcher.install()
    yield found
    watcher.uninstall()
    assert watcher not in sys.meta_path


def test_the_callback_comes_after_the_module_ran_each_time(folder: Path, seen: list[str]) -> None:
    (folder / "watched_a.py").write_text("value = 1\n")
    (folder / "watched_b").mkdir()
    (folder / "watched_b" / "__init__.py").write_text("value = 0\n")
    (folder / "watched_b" / "inner.py").write_text("import watched_a\nvalue = watched_a.value + 1\n")
    module = importlib.import_module("watched_b.inner")
    assert seen == ["watched_a: 1", "watched_b.inner: 2"]
    assert "exec_module" not in vars(module.__spec__.loader)  # type: ignore[union-attr]
    del sys.modules["watched_a"]
    importlib.import_module("watched_a")
    assert len(seen) == 3


def test_a_module_that_is_missing_or_broken_fails_as_ever(folder: Path, seen: list[str]) -> None:
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("watched_a")
    (folder / "watched_a.py").write_text("1 / 0\n")
    importlib.invalidate_caches()
    with pytest.raises(ZeroDivisionError):
        importlib.import_module("watched_a")
    assert not seen


def test_what_is_imported_already_is_called_at_once(folder: Path) -> None:
    (folder / "watched_a.py").write_text("value = 5\n")
    importlib.import_module("watched_a")
    found: list[ModuleType] = []
    watcher = ImportWatcher({"watched_a": found.append})
    watcher.install()
    watcher.uninstall()
    assert [module.value for module in found] == [5]
