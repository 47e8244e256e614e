"""Recording must change nothing that a suite can see, and forget nothing that it needs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

from enctest.selection.probe import MARK

if TYPE_CHECKING:
    from tests.engine.selection.conftest import Lab

FAILING = """
    import os
    import warnings
    from pathlib import Path

    import pytest

    import coded


    def test_message():
        values = coded.numbers()
        assert values == [1, 2, 3], "why"


    def test_long():
        assert "a" * 400 == "b" * 400


    def test_inside():
        coded.deep(3)


    def test_import():
        import importlib
        importlib.import_module("broken")


    def test_stat():
        Path("nowhere").stat()


    def test_os_stat():
        os.stat("nowhere")


    def test_variable():
        os.environ["NOWHERE"]


    def test_syntax():
        import unparsable


    def test_warns():
        with pytest.warns(UserWarning):
            warnings.warn("x")


    @pytest.fixture
    def bad():
        raise RuntimeError("set-up")


    def test_fixture(bad):
        pass
"""


def test_failures_read_as_in_plain_pytest(lab: Lab) -> None:
    lab.write(
        "coded.py",
        "def numbers():\n    return [1, 2]\n\n\ndef deep(n):\n    return deep(n - 1) if n else 1 / 0\n",
    )
    lab.write("broken.py", "def f():\n    raise KeyError(1)\n\n\nf()\n")
    lab.write("unparsable.py", "def f(:\n")
    lab.write("test_failing.py", FAILING)
    lab.write("test_broken_import.py", "import broken\n")
    lab.write("test_unparsable.py", "def f(:\n")
    lab.write("conftest.py", "import coded\n")
    args = [
        "--continue-on-collection-errors",
        "-vv",
        "--durations=0",
        "--durations-min=9",
        "-o",
        "console_output_style=classic",
    ]
    plain = lab.plain(*args)
    for _ in range(2):  # the second time, from the cache
        lab.record(*args, code=1)
        assert lines(lab.output) == lines(plain)
    assert not lab.notices


def lines(output: str) -> list[str]:
    """Return the lines of pytest's output that do not tell times."""
    return [line for line in output.splitlines() if not re.search(r" in \d+\.\d\ds", line)]


def test_pytests_own_cache_gets_no_probes(lab: Lab) -> None:
    lab.write("test_a.py", "def test_a():\n    assert 1 == 1\n")
    lab.record(bytecode=True)
    assert not [path for path in lab.root.rglob("*.pyc") if MARK in path.read_bytes()]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q"], cwd=lab.root, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


def test_an_edit_of_equal_size_and_time_is_compiled_anew(lab: Lab) -> None:
    lab.write("coded.py", "def f():\n    return 1\n")
    lab.write("test_a.py", "import coded\n\n\ndef test_a():\n    assert coded.f() == 1\n")
    lab.record(bytecode=True)
    times = (lab.root / "coded.py").stat()
    lab.replace("coded.py", "return 1", "return 2")
    os.utime(lab.root / "coded.py", ns=(times.st_atime_ns, times.st_mtime_ns))
    assert "test_a.py::test_a" in lab.ask().tests
    lab.record(bytecode=True, code=1)


def test_warnings_as_errors_stay_quiet(lab: Lab) -> None:
    lab.write("pyproject.toml", '[tool.pytest.ini_options]\nfilterwarnings = ["error"]\n')
    lab.write("coded.py", "def f():\n    return 1\n")
    lab.write("test_a.py", "import coded\n\n\ndef test_a():\n    assert coded.f() == 1\n")
    lab.record("-W", "error")
    lab.record("-W", "error")


def test_a_module_that_warns_when_compiled_fails_alike(lab: Lab) -> None:
    lab.write("pyproject.toml", '[tool.pytest.ini_options]\nfilterwarnings = ["error"]\n')
    lab.write("coded.py", "def f():\n    return 1 is 1\n")
    lab.write("test_a.py", "def test_a():\n    import coded\n    assert coded.f()\n")
    plain = lab.plain()
    lab.record(code=1)
    assert lines(lab.output) == lines(plain)


def test_what_a_broken_recorder_does_not_know_is_not_recorded(lab: Lab) -> None:
    lab.write(
        "conftest.py",
        """
        import enctest.selection.pytest_facts as facts
        def broken(*args):
            raise ZeroDivisionError
        facts.function_place = broken
        """,
    )
    lab.write("test_a.py", "def test_a(): pass\ndef test_b(): pass\n")
    lab.record()
    assert not lab.index.tests
    assert len(lab.notices) == 1
    assert "ZeroDivisionError" in lab.notices[0]


def test_a_file_loaded_past_the_hook_counts_as_a_whole(lab: Lab) -> None:
    lab.write("odd.py", "def f():\n    return 1\n")
    lab.write(
        "test_a.py",
        """
        import importlib.machinery
        import importlib.util
        import sys
        from pathlib import Path


        class Loader(importlib.machinery.SourceFileLoader):
            def exec_module(self, module):
                exec(self.get_code(module.__name__), module.__dict__)


        file = Path(__file__).with_name("odd.py")
        spec = importlib.util.spec_from_file_location("odd", file, loader=Loader("odd", str(file)))
        odd = importlib.util.module_from_spec(spec)
        sys.modules["odd"] = odd
        spec.loader.exec_module(odd)


        def test_a():
            assert odd.f() == 1
        """,
    )
    lab.record()
    lab.replace("odd.py", "return 1", "return 2")
    assert "test_a.py::test_a" in lab.ask().tests


def test_a_pytest_without_the_private_parts_still_gives_file_level(lab: Lab) -> None:
    lab.write("coded.py", "def f():\n    return 1\n")
    lab.write(
        "test_a.py",
        "import coded\n\n\ndef helper():\n    return coded.f()\n\n\ndef test_a():\n    assert helper()\n",
    )
    lab.record(without_rewriter=True)
    assert not lab.index.files["test_a.py"].names
    lab.replace("test_a.py", "return coded.f()", "return coded.f() - 1")
    assert set(lab.ask().tests) == {"test_a.py::test_a"}


def test_teardown_helpers_and_plugins_count(lab: Lab) -> None:
    lab.write("helpers.py", "def cleanup():\n    pass\n\n\ndef hooked():\n    pass\n")
    lab.write("plug.py", "import pytest\n\n\n@pytest.fixture\ndef plugged():\n    return 1\n\n\nX = 1\n")
    lab.write(
        "conftest.py",
        """
        import pytest
        pytest_plugins = ["plug"]

        @pytest.fixture(scope="session")
        def resource():
            yield
            import helpers
            helpers.cleanup()

        def pytest_collection_modifyitems(items):
            import helpers
            helpers.hooked()
        """,
    )
    lab.write("test_a.py", "def test_a(resource): pass\n")
    lab.write("test_b.py", "def test_b(): pass\ndef test_c(plugged): pass\n")
    lab.record("test_b.py", "test_a.py")
    lab.replace("helpers.py", "def cleanup():\n    pass", "def cleanup():\n    raise OSError")
    assert "test_a.py::test_a" in lab.ask().tests
    lab.take()
    lab.replace("helpers.py", "def hooked():\n    pass", "def hooked():\n    raise OSError")
    assert len(lab.ask().tests) == 3
    lab.take()
    lab.replace("plug.py", "X = 1", "X = 2")
    assert len(lab.ask().tests) == 3


def test_unittest_classes_and_their_shared_setup(lab: Lab) -> None:
    lab.write("coded.py", "def prepare():\n    return 1\n\n\ndef used():\n    return 2\n")
    lab.write(
        "test_a.py",
        """
        import unittest
        import coded

        class TestIt(unittest.TestCase):
            @classmethod
            def setUpClass(cls):
                cls.value = coded.prepare()

            def test_one(self):
                self.assertEqual(self.value, 1)

            def test_two(self):
                self.assertEqual(coded.used(), 2)
        """,
    )
    lab.record()
    lab.replace("coded.py", "return 1", "return 3")
    assert set(lab.ask().tests) == {"test_a.py::TestIt::test_one", "test_a.py::TestIt::test_two"}
    lab.take()
    lab.replace("coded.py", "return 2", "return 4")
    assert set(lab.ask().tests) == {"test_a.py::TestIt::test_two"}


def test_a_file_that_a_test_writes_itself_is_no_dependency(lab: Lab) -> None:
    lab.write(
        "test_a.py",
        """
        from pathlib import Path

        def test_a():
            file = Path(__file__).with_name("out.txt")
            file.write_text("x")
            assert file.read_text() == "x"
        """,
    )
    lab.record()
    (lab.root / "out.txt").write_text("y")
    assert not lab.ask().tests


def test_a_run_that_saw_another_content_is_not_current(lab: Lab) -> None:
    lab.write("coded.py", "def f():\n    return 1\n")
    lab.write("test_a.py", "import coded\n\n\ndef test_a():\n    assert coded.f()\n")
    lab.write("test_b.py", "def test_b():\n    pass\n")
    lab.record()
    tests = ["test_a.py::test_a", "test_b.py::test_b", "test_c.py::test_never_recorded"]
    assert lab.index.stale(tests) == tests[2:]
    lab.replace("coded.py", "return 1", "return 2")
    lab.take()
    assert lab.index.stale(tests) == [tests[0], tests[2]]


def test_a_new_warning_of_the_compiler_affects_all_importers(lab: Lab) -> None:
    lab.write("pyproject.toml", '[tool.pytest.ini_options]\nfilterwarnings = ["error"]\n')
    lab.write("coded.py", "def f(x):\n    return x is None\n")
    lab.write("test_a.py", "import coded\n\n\ndef test_a():\n    pass\n")
    lab.record()
    lab.replace("coded.py", "is None", "is 0")
    assert "1 error" in lab.plain()
    assert "test_a.py::test_a" in lab.ask().tests
