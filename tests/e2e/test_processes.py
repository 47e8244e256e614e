"""Processes that tests of a parallel run start."""

from __future__ import annotations

from tests.e2e.conftest import MakeSample

PROCESSES = {
    "core.py": "def before(): return 1\ndef during(): return 2\ndef never(): return 3\n",
    "conftest.py": """
        import subprocess, sys
        def python(name):
            code = f"import core; print(core.{name}())"
            return subprocess.check_output([sys.executable, "-c", code], text=True)
        BEFORE = python("before")
        """,
    **{
        f"test_{name}.py": """
            import pytest
            from conftest import BEFORE, python
            @pytest.mark.parametrize("number", range(4))
            def test_process(number): assert (BEFORE, python("during")) == ("1\\n", "2\\n")
            """
        for name in ("a", "b")
    },
    "test_c.py": "def test_c(): pass\n",
}


def test_each_worker_knows_what_its_processes_did_and_those_before_it(sample: MakeSample) -> None:
    project = sample(PROCESSES)
    assert project.enctest("-n", "2", "-q", "-p", "no:randomly").returncode == 0
    tests = {f"test_{name}.py::test_process[{number}]" for name in "ab" for number in range(4)}
    project.replace("core.py", "return 3", "return 4")
    assert project.enctest("affected").stdout.split() == []
    project.replace("core.py", "return 2", "return 3")
    assert set(project.enctest("affected").stdout.split()) == tests
    project.replace("core.py", "return 1", "return 2")
    assert set(project.enctest("affected").stdout.split()) == tests | {"test_c.py::test_c"}
