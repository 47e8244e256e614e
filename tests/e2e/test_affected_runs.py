"""`enctest --affected`: a plain run of what a change, or a git range, can affect."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

import pytest
from tests.harness import Sample

MakeSample = Callable[[dict[str, str]], Sample]
FILES = {
    "cart.py": "def total(): return 3\n\n\ndef other(): return 4\n",
    "test_cart.py": """
        import cart
        def test_total(): assert cart.total() == 3
        def test_other(): assert cart.other() == 4
    """,
    "test_plain.py": "def test_plain(): pass\n",
    ".gitignore": ".enctest/\n__pycache__/\n.pytest_cache/\n",
}


def run(project: Sample, *args: str) -> tuple[int, str]:
    """Run with `-v`; return exit code, and what pytest said."""
    done = project.enctest("-v", "-p", "no:randomly", *args)
    assert "Traceback" not in done.stdout + done.stderr
    return done.returncode, done.stdout + done.stderr


def ran(output: str) -> set[str]:
    """Return the tests that were run."""
    return {
        line.split()[0].rpartition("::")[2]
        for line in output.splitlines()
        if "::" in line and line.split()[1:2] and line.split()[1] in {"PASSED", "FAILED"}
    }


def git(project: Sample, *words: str) -> None:
    identity = ("-c", "user.name=x", "-c", "user.email=x@example.org")
    subprocess.run(["git", *identity, *words], cwd=project.root, check=True, capture_output=True)


def test_only_what_a_change_can_affect_runs(sample: MakeSample) -> None:
    project = sample(FILES)
    code, output = run(project, "--affected")
    assert code == 0
    assert "all tests run: nothing is recorded yet" in output
    assert ran(output) == {"test_total", "test_other", "test_plain"}
    code, output = run(project, "--affected")
    assert (code, ran(output)) == (0, set())
    assert "0 of 3 tests are affected" in output
    project.replace("cart.py", "return 3", "return 5")
    project.write("test_new.py", "def test_new(): pass\n")
    code, output = run(project, "--affected")
    assert (code, ran(output)) == (1, {"test_total", "test_new"})
    code, output = run(project, "--affected")  # what failed is not left out
    assert (code, ran(output)) == (1, {"test_total"})


def test_a_keyword_and_workers_go_with_it(sample: MakeSample) -> None:
    project = sample(FILES)
    run(project)
    project.replace("cart.py", "return 3", "return 1 + 2")
    project.replace("cart.py", "return 4", "return 2 + 2")
    assert ran(run(project, "--affected", "-k", "other")[1]) == {"test_other"}
    code, output = run(project, "--affected", "-n", "2")
    assert code == 0
    assert "1 passed" in output


def test_what_a_git_range_affects_runs_though_it_ran_before(sample: MakeSample) -> None:
    project = sample(FILES)
    git(project, "init", "-b", "main")
    git(project, "add", ".")
    git(project, "commit", "-m", "first")
    git(project, "checkout", "-b", "topic")
    project.replace("cart.py", "return 4", "return 2 + 2")
    project.write("test_new.py", "def test_new(): pass\n")
    git(project, "commit", "-am", "second")
    run(project)
    code, output = run(project, "--affected")
    assert (code, ran(output)) == (0, set())
    code, output = run(project, "--affected=main")
    assert (code, ran(output)) == (0, {"test_other", "test_new"})
    assert "2 of 4 tests are affected since main" in output
    git(project, "checkout", "main")
    git(project, "commit", "--allow-empty", "-m", "meanwhile")
    git(project, "checkout", "topic")
    assert ran(run(project, "--affected=main")[1]) == {"test_other", "test_new"}


@pytest.mark.parametrize("revision", ["nowhere", "--output=x", "HEAD:cart.py"])
def test_a_revision_that_is_none_is_told(sample: MakeSample, revision: str) -> None:
    project = sample(FILES)
    git(project, "init", "-b", "main")
    run(project)
    done = project.enctest(f"--affected={revision}")
    assert (done.returncode, done.stdout) == (4, "")
    assert f"git knows no revision '{revision}'" in done.stderr
    assert not (project.root / "x").exists()
