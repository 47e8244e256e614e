"""`enctest stacks`: where the tests of an open enctest hang."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tests.harness import Sample, Watch, wait_until

MakeSample = Callable[[Mapping[str, str]], Sample]
HANGS = {
    "test_it.py": """
        import threading
        def test_hangs():
            lock = threading.Lock()
            lock.acquire()
            lock.acquire()
    """
}


def test_a_deadlock_is_shown_with_its_line(sample: MakeSample) -> None:
    project = sample(HANGS)
    watch = Watch(project, (), {})
    try:
        watch.wait_for("test_started")
        lines = wait_until("the line", lambda: _lines(project))
    finally:
        watch.close()
    assert lines[0].startswith("test_it.py::test_hangs  running for ")
    assert lines[1].strip() == "thread MainThread"


def _lines(project: Sample) -> list[str]:
    """Return what is printed, once the test has come to its second lock."""
    lines = project.enctest("stacks", "hangs").stdout.splitlines()
    return lines if "    test_it.py:6 test_hangs" in lines else []


def test_without_an_open_enctest_it_says_so(sample: MakeSample) -> None:
    done = sample(HANGS).enctest("stacks")
    assert done.returncode == 1
    assert "no test runs in an open enctest here" in done.stderr
    assert "Traceback" not in done.stderr
