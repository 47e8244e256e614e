"""pytest's own ways to choose tests, under an explorer: -m, -k, addopts, --lf."""

from __future__ import annotations

import pytest
from tests.e2e.conftest import MakeSample

PYPROJECT = """
[tool.pytest.ini_options]
pythonpath = ["."]
markers = ["slow: takes long"]
"""
FILES = {
    "pyproject.toml": PYPROJECT,
    "shop.py": "def price():\n    return 1\n\ndef other():\n    return 1\n",
    "tests/test_shop.py": """
        import pytest
        import shop

        def test_price():
            assert shop.price() > 0

        @pytest.mark.slow
        def test_price_slowly():
            assert shop.price() > 0

        def test_other():
            assert shop.other() > 0
        """,
    "tests/test_apart.py": """
        import pytest

        @pytest.mark.slow
        def test_slow_apart():
            pass

        def test_apart():
            pass
        """,
}
PRICE, SLOWLY, OTHER = (f"tests/test_shop.py::test_{name}" for name in ("price", "price_slowly", "other"))
APART = "tests/test_apart.py::test_apart"


@pytest.mark.parametrize(
    ("args", "addopts"),
    [(("-m", "not slow"), ""), (("-k", "not slow"), ""), ((), "addopts = ['-m', 'not slow']\n")],
    ids=["-m", "-k", "addopts"],
)
def test_what_is_deselected_neither_runs_nor_counts(
    sample: MakeSample, args: tuple[str, ...], addopts: str
) -> None:
    project = sample(FILES | {"pyproject.toml": PYPROJECT + addopts})
    with project.watch(*args) as watch:
        assert set(watch.outcomes()) == {PRICE, OTHER, APART}
        assert watch.edit("shop.py", "price():\n    return 1", "price():\n    return 2") == {PRICE: "passed"}
        assert [event["total"] for event in watch.new("affected")] == [3]
        assert watch.edit("tests/test_shop.py", "slowly():\n", "slowly():\n    assert True\n") == {}
    with project.watch(*args) as watch:
        assert watch.outcomes() == {}
        (collected,) = watch.new("collected")
        assert set(collected["tests"]) == {PRICE, OTHER, APART}


def test_a_test_whose_mark_goes_is_chosen_from_then_on_and_back(sample: MakeSample) -> None:
    project = sample(FILES)
    with project.watch("-m", "not slow") as watch:
        mark = "@pytest.mark.slow\ndef test_price_slowly"
        assert watch.edit("tests/test_shop.py", mark, "def test_price_slowly") == {SLOWLY: "passed"}
        assert watch.edit("shop.py", "price():\n    return 1", "price():\n    return 2") == {
            PRICE: "passed",
            SLOWLY: "passed",
        }
        assert watch.edit("tests/test_shop.py", "def test_price_slowly", mark) == {}
        assert [event["tests"] for event in watch.new("tests_removed")] in ([], [[SLOWLY]])
        assert watch.edit("shop.py", "price():\n    return 2", "price():\n    return 3") == {PRICE: "passed"}


def test_last_failed_is_where_a_session_begins(sample: MakeSample) -> None:
    """From there on saves choose, as always: also the tests that have passed."""
    project = sample(FILES)
    project.replace("shop.py", "other():\n    return 1", "other():\n    return -1")
    assert "1 failed, 4 passed" in project.enctest("-q").stdout
    with project.watch("--lf") as watch:
        assert watch.outcomes() == {OTHER: "failed"}
        assert watch.edit("shop.py", "return -1", "return 2") == {OTHER: "passed"}
        assert watch.edit("shop.py", "price():\n    return 1", "price():\n    return -1") == {
            PRICE: "failed",
            SLOWLY: "failed",
        }
        assert watch.edit("shop.py", "return 2", "return 3") == {
            PRICE: "failed",
            SLOWLY: "failed",
            OTHER: "passed",
        }
    with project.watch("--last-failed") as watch:
        assert watch.outcomes() == {PRICE: "failed", SLOWLY: "failed"}
    with project.watch() as watch:
        assert watch.outcomes() == {}
