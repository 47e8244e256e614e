"""Going back: branches, undone edits, and what must run all the same."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from typing import Any

from tests.e2e.conftest import MakeSample
from tests.harness import Sample, Watch

PYPROJECT = '[tool.pytest.ini_options]\npythonpath = ["."]\n'
COUNT = 100
"""Modules, and test files, of the larger project: a switch of branches changes 300 files."""


def git(project: Sample, *args: str) -> None:
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false")
    subprocess.run(
        ["git", *identity, *args], cwd=project.root, check=True, capture_output=True, env=project.env
    )


def commit(project: Sample, branch: str) -> None:
    git(project, "checkout", "-q", "-b", branch)
    git(project, "add", "-A")
    git(project, "commit", "-q", "-m", branch)


def switch(watch: Watch, branch: str) -> dict[str, str]:
    """Check a branch out and return what ran."""
    watch.mark()
    git(watch.sample, "checkout", "-q", branch)
    watch.idle()
    return watch.outcomes()


def known(watch: Watch) -> set[str]:
    """Return the tests that changes since the mark made fresh without a run."""
    states: list[Mapping[str, Any]] = [state for event in watch.new("affected") for state in event["known"]]
    return {state["info"]["test"] for state in states}


def large(words: str) -> dict[str, str]:
    files = {"words/__init__.py": ""}
    for number in range(COUNT):
        files[f"words/w{number:03}.py"] = f"def say():\n    return {words!r}\n"
        files[f"data/d{number:03}.txt"] = words
        files[f"tests/test_w{number:03}.py"] = (
            f"from pathlib import Path\nfrom words import w{number:03}\n\n"
            f"def test_{words}():\n    pass\n\n"
            f"def test_say():\n    text = Path('data/d{number:03}.txt').read_text()\n"
            f"    assert w{number:03}.say() == text\n"
        )
    return files


def test_a_branch_of_300_files_is_one_change_and_going_back_runs_nothing(sample: MakeSample) -> None:
    project = sample({"pyproject.toml": PYPROJECT, ".gitignore": ".enctest\n__pycache__\n.pytest_cache\n"})
    git(project, "init", "-q")
    for name, text in large("one").items():
        project.write(name, text)
    commit(project, "one")
    git(project, "checkout", "-q", "-b", "two")
    for name, text in large("two").items():
        project.write(name, text)
    git(project, "add", "-A")
    git(project, "commit", "-q", "-m", "two")
    git(project, "checkout", "-q", "one")
    say = {f"tests/test_w{number:03}.py::test_say" for number in range(COUNT)}
    one, two = (
        {f"tests/test_w{number:03}.py::test_{name}" for number in range(COUNT)} for name in ("one", "two")
    )
    with project.watch() as watch:
        assert watch.outcomes() == dict.fromkeys(say | one, "passed")
        assert switch(watch, "two") == dict.fromkeys(say | two, "passed")
        assert [len(event["paths"]) for event in watch.new("change")] == [3 * COUNT]
        assert len(watch.new("run_started")) == 1
        assert known(watch) == set()
        assert switch(watch, "one") == {}
        assert known(watch) == say | one
        assert switch(watch, "two") == {}
        assert known(watch) == say | two
    with project.watch() as watch:  # and so it is after a restart, from what is stored
        assert watch.outcomes() == {}
        assert switch(watch, "one") == {}
        assert known(watch) == say | one
    git(project, "checkout", "-q", "two")
    with project.watch() as watch:
        assert watch.outcomes() == {}
        assert known(watch) == say | two


SHOP = {
    "pyproject.toml": PYPROJECT,
    "shop/__init__.py": "",
    "shop/tax.py": "def rate():\n    return 2\n",
    "shop/cart.py": "from shop import tax\n\ndef total(n):\n    return n * tax.rate()\n",
    "tests/test_cart.py": "from shop.cart import total\n\ndef test_total():\n    assert total(1) > 0\n",
    "tests/test_tax.py": "from shop.tax import rate\n\ndef test_rate():\n    assert rate() == 2\n",
}
TOTAL, RATE = "tests/test_cart.py::test_total", "tests/test_tax.py::test_rate"


def test_an_undone_edit_runs_only_what_failed(sample: MakeSample) -> None:
    with sample(SHOP).watch() as watch:
        ran = watch.edit("shop/tax.py", "return 2", "return 3")
        assert ran == {TOTAL: "passed", RATE: "failed"}
        assert watch.edit("shop/tax.py", "return 3", "return 2") == {RATE: "passed"}
        assert known(watch) == {TOTAL}


def test_what_an_earlier_result_needed_still_reaches_the_test(sample: MakeSample) -> None:
    """The recalled result brings back what its run needed, also where the last run needed less."""
    with sample(SHOP).watch() as watch:
        ran = watch.edit("shop/cart.py", "from shop import tax\n", "tax = None\n")
        assert ran == {TOTAL: "failed"}
        ran = watch.edit("shop/cart.py", "return n * tax.rate()", "return n")
        assert ran == {TOTAL: "passed"}
        watch.mark()
        watch.sample.write("shop/cart.py", SHOP["shop/cart.py"])
        watch.idle()
        assert (watch.outcomes(), known(watch)) == ({}, {TOTAL})
        assert watch.edit("shop/tax.py", "return 2", "return 2 - 3") == {TOTAL: "failed", RATE: "failed"}


def test_half_of_the_way_back_is_not_back(sample: MakeSample) -> None:
    with sample(SHOP).watch() as watch:
        watch.edit("shop/tax.py", "return 2", "return 2 + 0")
        assert watch.edit("shop/cart.py", "n * tax.rate()", "tax.rate() * n") == {TOTAL: "passed"}
        assert watch.edit("shop/tax.py", "return 2 + 0", "return 2") == {TOTAL: "passed"}
        assert known(watch) == {RATE}
        assert watch.edit("shop/cart.py", "tax.rate() * n", "n * tax.rate()") == {}
        assert known(watch) == {TOTAL}


def test_something_new_on_the_way_is_seen(sample: MakeSample) -> None:
    project = sample(SHOP)
    with project.watch() as watch:
        watch.edit("shop/tax.py", "return 2", "return 2 + 0")
        watch.mark()
        project.write("tests/conftest.py", "import os\n")
        watch.idle()
        assert set(watch.outcomes()) == {TOTAL, RATE}
        ran = watch.edit("shop/tax.py", "return 2 + 0", "return 2")
        assert set(ran) == {TOTAL, RATE}


def test_a_file_that_comes_back_brings_its_results(sample: MakeSample) -> None:
    project = sample(SHOP)
    with project.watch() as watch:
        watch.mark()
        (project.root / "tests/test_tax.py").unlink()
        watch.idle()
        watch.mark()
        project.write("tests/test_tax.py", SHOP["tests/test_tax.py"])
        watch.idle()
        assert (watch.outcomes(), known(watch)) == ({}, {RATE})
        assert watch.edit("shop/tax.py", "return 2", "return 4") == {TOTAL: "passed", RATE: "failed"}


def test_a_switch_there_and_back_during_the_run_leaves_nothing_to_do(sample: MakeSample) -> None:
    files = SHOP | {
        "tests/test_slow.py": """
            import time
            from shop.tax import rate

            def test_slow():
                time.sleep(0 if rate() == 2 else 1000)
            """
    }
    project = sample(files)
    with project.watch() as watch:
        watch.mark()
        project.replace("shop/tax.py", "return 2", "return 3")
        watch.wait_for("test_started", test="tests/test_slow.py::test_slow")
        watch.mark()
        project.replace("shop/tax.py", "return 3", "return 2")
        watch.idle()
        assert "tests/test_slow.py::test_slow" in known(watch)
        assert "tests/test_slow.py::test_slow" not in watch.outcomes()
