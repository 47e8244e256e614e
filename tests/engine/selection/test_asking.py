"""Modules that functions import count for the tests that run those functions, whoever was first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.engine.selection.conftest import Lab

WAYS = {
    "import statement": "from plugin import SIZE\n    return SIZE",
    "statement in a class": "class Named:\n        from plugin import SIZE\n    return Named.SIZE",
    "computed name": 'return importlib.import_module("plug" + "in").SIZE',
    "in a comprehension": 'return [importlib.import_module(n).SIZE for n in ["plug" + "in"]][0]',
    "kept by the function": (
        'global _module\n    if _module is None:\n        _module = importlib.import_module("plug" + "in")\n'
        "    return _module.SIZE"
    ),
}
TESTS = """
    import pytest
    import loader

    def test_first():
        assert loader.size() == 1

    def test_second():
        assert loader.size() == 1

    def test_other():
        assert loader.other() == 3

    @pytest.fixture(scope="module")
    def shared():
        return loader.size()

    def test_by_a_shared_fixture(shared):
        assert shared == 1

    def test_by_it_again(shared):
        assert shared == 1
"""


def project(lab: Lab, body: str) -> None:
    lab.write("plugin.py", "SIZE = 1\n")
    text = f"import importlib\n_module = None\n\n\ndef size():\n    {body}\n\n\ndef other():\n    return 3\n"
    lab.write("loader.py", text)
    lab.write("test_a.py", TESTS)
    lab.record()


def names(lab: Lab) -> set[str]:
    return {test.rpartition("::")[2] for test in lab.ask().tests}


@pytest.mark.parametrize("way", [way for way in WAYS if way != "kept by the function"])
def test_who_runs_the_function_needs_what_it_imports(lab: Lab, way: str) -> None:
    project(lab, WAYS[way])
    lab.replace("plugin.py", "1", "2")
    assert names(lab) == {"test_first", "test_second", "test_by_a_shared_fixture", "test_by_it_again"}


def test_a_module_that_a_function_keeps_is_needed_by_all_who_could_get_it(lab: Lab) -> None:
    project(lab, WAYS["kept by the function"])
    lab.replace("plugin.py", "1", "2")
    assert {"test_first", "test_second", "test_by_a_shared_fixture", "test_by_it_again"} <= names(lab)


def test_what_runs_when_a_late_module_is_imported_counts_as_well(lab: Lab) -> None:
    lab.write("making.py", "def make():\n    return 1\n")
    project(lab, WAYS["import statement"])
    lab.write("plugin.py", "import making\nSIZE = making.make()\n")
    lab.record()
    lab.replace("making.py", "1", "2")
    assert names(lab) == {"test_first", "test_second", "test_by_a_shared_fixture", "test_by_it_again"}


def test_an_import_in_a_test_concerns_that_test(lab: Lab) -> None:
    lab.write("plugin.py", "SIZE = 1\n")
    lab.write(
        "test_a.py",
        """
        def test_first():
            from plugin import SIZE
            assert SIZE == 1

        def test_second():
            import plugin
            assert plugin.SIZE == 1

        def test_other():
            pass
        """,
    )
    lab.record()
    lab.replace("plugin.py", "1", "2")
    assert names(lab) == {"test_first", "test_second"}


def test_an_import_at_the_top_concerns_all(lab: Lab) -> None:
    lab.write("plugin.py", "SIZE = 1\n")
    lab.write(
        "test_a.py", "if True:\n    import plugin\n\n\ndef test_a():\n    pass\n\n\ndef test_b():\n    pass\n"
    )
    lab.record()
    lab.replace("plugin.py", "1", "2")
    assert names(lab) == {"test_a", "test_b"}


def test_a_late_import_that_fails_may_be_found_later(lab: Lab) -> None:
    lab.write(
        "loader.py",
        """
        def size():
            try:
                from plugin import SIZE
            except ImportError:
                return 0
            return SIZE
        """,
    )
    lab.write(
        "test_a.py",
        "import loader\n\n\ndef test_a():\n    assert not loader.size()\n\n\ndef test_b():\n    pass\n",
    )
    lab.record()
    lab.write("plugin.py", "SIZE = 1\n")
    assert "test_a" in names(lab)


def test_a_late_module_whose_functions_others_run_is_needed_by_them(lab: Lab) -> None:
    lab.write("registry.py", "TOOLS = {}\n")
    lab.write(
        "plugin.py",
        "import registry\n\nSIZE = 1\n\n\ndef tool():\n    return SIZE\n\n\nregistry.TOOLS['tool'] = tool\n",
    )
    lab.write("loader.py", "def load():\n    import plugin\n    assert plugin\n")
    lab.write(
        "test_a.py",
        """
        import loader, registry

        def test_loads():
            loader.load()

        def test_uses():
            assert registry.TOOLS["tool"]() == 1

        def test_other():
            pass
        """,
    )
    lab.record()
    lab.replace("plugin.py", "SIZE = 1", "SIZE = 1 + 1")
    assert names(lab) == {"test_loads", "test_uses"}
