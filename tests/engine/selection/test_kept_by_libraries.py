"""What an installed library keeps for later callers is needed by them all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.engine.selection.conftest import Lab

LIBRARY = """
    import importlib
    from pathlib import Path

    _modules = {}
    _texts = {}


    def module(name):
        if name not in _modules:
            _modules[name] = importlib.import_module(name)
        return _modules[name]


    def text(path):
        if path not in _texts:
            _texts[path] = Path(path).read_text()
        return _texts[path]
"""


@pytest.fixture
def project(lab: Lab) -> Lab:
    """A project that uses a library outside of it."""
    lab.write("../installed/library.py", LIBRARY)
    lab.write("pyproject.toml", '[tool.pytest.ini_options]\npythonpath = [".", "../installed"]\n')
    lab.write("settings.py", "SIZE = 1\n")
    lab.write("page.html", "page")
    lab.write("pages.py", "import library\n\n\ndef page():\n    return library.text('page.html')\n")
    for name in "ab":
        lab.write(
            f"test_{name}.py",
            f"""
            import library
            import pages

            def test_size_{name}():
                assert library.module("settings").SIZE == 1

            def test_page_{name}():
                assert pages.page() == "page"
            """,
        )
    lab.write("test_c.py", "def test_c():\n    pass\n")
    lab.record("test_c.py", "test_a.py", "test_b.py")
    return lab


def test_a_module_that_a_library_imports_late(project: Lab) -> None:
    project.replace("settings.py", "1", "2")
    assert {"test_a.py::test_size_a", "test_b.py::test_size_b"} <= set(project.ask().tests)
    assert "test_c.py::test_c" not in project.ask().tests


def test_a_file_that_a_library_reads(project: Lab) -> None:
    project.write("page.html", "other")
    assert {"test_a.py::test_page_a", "test_b.py::test_page_b"} <= set(project.ask().tests)
    assert "test_c.py::test_c" not in project.ask().tests


def test_a_module_that_a_library_imports_while_a_file_is_imported(lab: Lab) -> None:
    lab.write("../installed/library.py", LIBRARY)
    lab.write("pyproject.toml", '[tool.pytest.ini_options]\npythonpath = [".", "../installed"]\n')
    lab.write("settings.py", "SIZE = 1\n")
    for name in "ab":
        lab.write(
            f"test_{name}.py",
            f"""
            import library

            SETTINGS = library.module("settings")

            def test_{name}():
                assert SETTINGS.SIZE == 1
            """,
        )
    lab.write("test_c.py", "def test_c():\n    pass\n")
    lab.record()
    lab.replace("settings.py", "1", "2")
    assert set(lab.ask().tests) == {"test_a.py::test_a", "test_b.py::test_b"}
