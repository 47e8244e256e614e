"""Explorers and plain runs on one project at the same time."""

from __future__ import annotations

import contextlib
import subprocess
import threading
from collections.abc import Iterator

from tests.e2e.conftest import MakeSample
from tests.e2e.test_branches import RATE, SHOP, TOTAL
from tests.harness import Sample, Watch, wait_until


@contextlib.contextmanager
def second(project: Sample, folder: str) -> Iterator[Watch]:
    """Watch the project from one of its folders, too."""
    inner = Sample.__new__(Sample)
    inner.root, inner.runtime = project.root / folder, project.runtime / "second"
    inner.runtime.mkdir()
    watch = Watch(inner, (), {"XDG_RUNTIME_DIR": str(project.runtime)})
    try:
        watch.idle()
        yield watch
    finally:
        watch.close()


def test_a_plain_run_reaches_the_open_explorer(sample: MakeSample) -> None:
    project = sample(SHOP | {"tests/test_new.py": "FACTOR = 1\n"})
    with project.watch() as watch:
        assert set(watch.outcomes()) == {TOTAL, RATE}
        watch.mark()
        done = project.enctest("-q", "tests/test_tax.py")
        assert done.returncode == 0, done.stdout + done.stderr
        assert "not remembered" not in done.stderr
        watch.wait_for("test_finished", test=RATE, outcome="passed")
        watch.idle()
        assert set(watch.outcomes()) == {RATE}
        assert not watch.new("run_started")
        assert watch.edit("shop/tax.py", "return 2", "return 3") == {RATE: "failed", TOTAL: "passed"}
    assert not list(project.root.glob(".enctest/*spool*"))
    with project.watch() as watch:
        assert watch.outcomes() == {}


def test_a_plain_run_under_other_files_proves_nothing(sample: MakeSample) -> None:
    """It began before the save: what it says of the test is not what the files say now."""
    files = SHOP | {
        "tests/test_tax.py": """
            import pathlib, time
            from shop.tax import rate

            def test_rate():
                assert rate() == 2
                while not pathlib.Path("go").exists() and pathlib.Path("wait").exists():
                    time.sleep(0.01)
            """
    }
    project = sample(files)
    with project.watch() as watch:
        project.write("wait", "")
        watch.idle()
        watch.mark()
        results: list[subprocess.CompletedProcess[str]] = []
        args = ("-q", "tests/test_tax.py", "-p", "no:cacheprovider")
        thread = threading.Thread(target=lambda: results.append(project.enctest(*args)))
        thread.start()
        wait_until("the plain run has begun", lambda: list(project.root.glob(".enctest/spool-*/*.frames")))
        watch.mark()
        project.replace("shop/tax.py", "return 2", "return 3")
        watch.wait_for("test_finished", test=RATE, outcome="failed")
        project.write("go", "")
        thread.join()
        assert results[0].returncode in (0, 1)
        watch.idle()
        last = [event for event in watch.new("test_finished") if event["test"] == RATE][-1]
        assert last["outcome"] == "failed"


def test_two_explorers_of_the_same_arguments_have_histories_of_their_own(sample: MakeSample) -> None:
    project = sample(SHOP)
    with project.watch() as first, second(project, "tests") as other:
        assert set(other.outcomes()) == {TOTAL, RATE}
        first.mark()
        other.mark()
        project.replace("shop/tax.py", "return 2", "return 3")
        for watch in (first, other):
            watch.idle()
            assert watch.outcomes() == {RATE: "failed", TOTAL: "passed"}
    names = sorted(path.name for path in project.root.glob(".enctest/history*.db"))
    assert len(names) == 2
