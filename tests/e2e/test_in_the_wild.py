"""Suites as they are in the wild work unchanged."""

from __future__ import annotations

import pytest
from tests.e2e.conftest import MakeSample

TESTS = {"test_a.py": "def test_a():\n    assert 1\n\ndef test_b():\n    assert 1\n"}


def configured(lines: str) -> dict[str, str]:
    return {**TESTS, "pyproject.toml": f"[tool.pytest.ini_options]\n{lines}\n"}


@pytest.mark.parametrize(
    "lines",
    [
        'addopts = "-n 2 --dist loadfile"',
        'addopts = "--cov=. --cov-fail-under=100 --cov-report=term-missing"',
        'addopts = "-x -q --strict-markers -p no:cacheprovider"',
        'addopts = "--lf --ff"',
        'filterwarnings = ["error"]',
        'addopts = "-s"',
        'addopts = "--import-mode=importlib"\ntestpaths = ["."]',
    ],
)
def test_options_of_the_project(sample: MakeSample, lines: str) -> None:
    project = sample(configured(lines))
    with project.watch() as watch:
        assert watch.outcomes() == {"test_a.py::test_a": "passed", "test_a.py::test_b": "passed"}
        ran = watch.edit("test_a.py", "def test_b():\n    assert 1", "def test_b():\n    assert 0")
        assert ran == {"test_a.py::test_b": "failed"}
        assert watch.new("error") == []


KINDS = {
    "test_unit.py": """
            import unittest

            class TestThings(unittest.TestCase):
                @classmethod
                def setUpClass(cls):
                    cls.number = 3

                def test_number(self):
                    self.assertEqual(self.number, 3)

                @unittest.expectedFailure
                def test_wrong(self):
                    self.assertEqual(self.number, 4)

                def test_parts(self):
                    for part in range(3):
                        with self.subTest(part=part):
                            self.assertLess(part, 3)

            class TestAsync(unittest.IsolatedAsyncioTestCase):
                async def test_async(self):
                    pass
            """,
    "test_async.py": """
            import pytest

            @pytest.fixture(scope="module")
            def anyio_backend():
                return "asyncio"

            @pytest.fixture(scope="module")
            async def shared():
                yield 1

            @pytest.mark.anyio
            async def test_anyio(shared):
                assert shared == 1
            """,
    "test_docs.py": '''
            def double(x):
                """Double.

                >>> double(2)
                4
                """
                return 2 * x
            ''',
    "pytest.ini": "[pytest]\naddopts = --doctest-modules\nfilterwarnings = error\n",
}


def test_kinds_of_tests(sample: MakeSample) -> None:
    with sample(KINDS).watch() as watch:
        assert watch.outcomes() == {
            "test_unit.py::TestThings::test_number": "passed",
            "test_unit.py::TestThings::test_wrong": "xfailed",
            "test_unit.py::TestThings::test_parts": "passed",
            "test_unit.py::TestAsync::test_async": "passed",
            "test_async.py::test_anyio": "passed",
            "test_docs.py::test_docs.double": "passed",
        }


def test_outcomes_of_every_kind(sample: MakeSample) -> None:
    files = {
        "test_all.py": """
            import pytest

            @pytest.fixture
            def broken():
                raise RuntimeError("set-up")

            @pytest.fixture
            def leaves():
                yield
                raise RuntimeError("teardown")

            def test_passed(): pass
            def test_failed(): assert 0
            def test_setup(broken): pass
            def test_teardown(leaves): pass
            def test_skipped(): pytest.skip("why")
            @pytest.mark.xfail
            def test_xfailed(): assert 0
            @pytest.mark.xfail
            def test_xpassed(): pass
            @pytest.mark.xfail(strict=True)
            def test_strict(): pass
            """
    }
    project = sample(files)
    expected = {
        "passed": "passed", "failed": "failed", "setup": "error", "teardown": "error", "skipped": "skipped",
        "xfailed": "xfailed", "xpassed": "xpassed", "strict": "failed",
    }  # fmt: skip
    with project.watch() as watch:
        assert watch.outcomes() == {
            f"test_all.py::test_{name}": outcome for name, outcome in expected.items()
        }
        messages = {
            event["test"].rpartition("_")[2]: event["message"] for event in watch.new("test_finished")
        }
        assert messages["failed"] == "assert 0"
        assert "set-up" in messages["setup"]
        assert messages["skipped"] == "why"


def test_a_root_folder_that_shadows_a_package_does_not(sample: MakeSample) -> None:
    """`python -m pytest` would put the folder first on sys.path, `pytest` does not."""
    files = {
        "anyio/README": "no package",
        "httpx.py": "raise ImportError",
        "tests/test_a.py": "def test_a():\n    import httpx\n",
    }
    with sample(files).watch() as watch:
        assert watch.outcomes() == {"tests/test_a.py::test_a": "passed"}


def test_a_console_script_of_the_environment_is_on_the_path(sample: MakeSample) -> None:
    files = {
        "test_script.py": """
            import subprocess

            def test_script():
                assert subprocess.run(["pytest", "--version"], check=True).returncode == 0
            """
    }
    project = sample(files)
    with project.watch(PATH="/usr/bin:/bin") as watch:
        assert watch.outcomes() == {"test_script.py::test_script": "passed"}


def test_many_deselected_items_stay_out_of_sight(sample: MakeSample) -> None:
    files = {
        "test_many.py": """
            import pytest

            @pytest.mark.stress
            @pytest.mark.parametrize("n", range(3000))
            def test_stress(n):
                raise AssertionError

            def test_one():
                assert 1
            """,
        "pyproject.toml": "[tool.pytest.ini_options]\naddopts = \"-m 'not stress'\"\nmarkers = ['stress']\n",
    }
    with sample(files).watch() as watch:
        assert watch.outcomes() == {"test_many.py::test_one": "passed"}
        assert [event["tests"] for event in watch.new("collected")] == [["test_many.py::test_one"]]
        assert watch.edit("test_many.py", "assert 1", "assert 2") == {"test_many.py::test_one": "passed"}


def test_pytest_arguments_narrow_what_is_watched(sample: MakeSample) -> None:
    project = sample(TESTS)
    with project.watch("-k", "test_b") as watch:
        assert watch.outcomes() == {"test_a.py::test_b": "passed"}
    with project.watch() as watch:
        assert watch.outcomes() == {"test_a.py::test_a": "passed", "test_a.py::test_b": "passed"}
