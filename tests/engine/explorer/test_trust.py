"""Parallel runs, deaths, isolation, doubts, hunts: what a red test means, and that nothing else is lost."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.engine.explorer.lab import PYPROJECT, Lab, explore

from enctest.events import Audited, Hunt, Hunted, RunTests, TestFinished

SLOW = """
    import os, pytest, time
    @pytest.mark.parametrize("n", range(6))
    def test_slow(n):
        print(f"here is {n} in {os.getpid()}")
        time.sleep(0.1)
        with open(os.environ["PIDS"], "a") as file:
            file.write(f"{os.getpid()} {os.environ.get('PYTEST_XDIST_WORKER')}\\n")
"""
MEET = """
        end = time.monotonic() + 30
        while len(set(open(os.environ["PIDS"]))) < int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", 1)):
            assert time.monotonic() < end
            time.sleep(0.01)
"""
"""Each worker waits for the others."""


@pytest.fixture(name="pids")
def fixture_pids(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "pids"
    monkeypatch.setenv("PIDS", str(path))
    return path


def workers(pids: Path) -> set[str]:
    """Return the names of the processes that have run tests since the last time."""
    names = set(pids.read_text().splitlines())
    pids.unlink()
    return names


def test_several_processes_share_the_tests(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pids: Path
) -> None:
    async def story(lab: Lab) -> None:
        await lab.places()
        assert {line.split()[1] for line in workers(pids)} == {"gw0", "gw1", "gw2"}
        ran = await lab.ask(RunTests())
        assert len(ran) == 18
        assert set(ran.values()) == {"passed"}
        assert {line.split()[1] for line in workers(pids)} == {"gw0", "gw1", "gw2"}
        await lab.ask(RunTests(tests=("test_a.py::test_slow[0]",)))
        assert {line.split()[1] for line in workers(pids)} == {"None"}

    explore(
        tmp_path,
        monkeypatch,
        dict.fromkeys(["test_a.py", "test_b.py", "test_c.py"], SLOW + MEET),
        story,
        "-n",
        "3",
    )


def test_a_worker_that_dies_costs_the_test_it_ran(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pids: Path
) -> None:
    dies = "import os\ndef test_dies():\n    print('last words', flush=True)\n    os._exit(9)\n"

    async def story(lab: Lab) -> None:
        outcomes = lab.outcomes()
        assert outcomes.pop("test_c.py::test_dies") == "crashed"
        assert set(outcomes.values()) == {"passed"}
        assert len(outcomes) == 12
        crashed = next(event for event in lab.new(TestFinished) if event.outcome == "crashed")
        assert "exit code 9" in crashed.message
        assert "last words" in crashed.failure

    explore(
        tmp_path, monkeypatch, {"test_a.py": SLOW, "test_b.py": SLOW, "test_c.py": dies}, story, "-n", "2"
    )
    assert pids.exists()


def test_output_of_processes_that_run_at_the_same_time_stays_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pids: Path
) -> None:
    files = {"test_a.py": SLOW, "test_b.py": SLOW}

    async def story(lab: Lab) -> None:
        for event in lab.new(TestFinished):
            number = event.test.partition("[")[2].rstrip("]")
            (section,) = event.sections
            assert section.text.startswith(f"here is {number} in ")
            assert section.text.count("here") == 1

    explore(tmp_path, monkeypatch, files, story, "-n", "2")
    assert pids.exists()


POISON = {
    "state.py": "VALUE = []\n",
    "test_p.py": """
        import state
        def test_1(): pass
        def test_2(): pass
        def test_poison(): state.VALUE.append(1)
        def test_4(): pass
        def test_5(): pass
        def test_victim(): assert state.VALUE == []
    """,
}


def test_isolated_tests_do_not_see_each_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(lab: Lab) -> None:
        assert lab.outcomes()["test_p.py::test_victim"] == "failed"
        ran = await lab.ask(RunTests(how="isolated"))
        assert set(ran.values()) == {"passed"}
        marked = "import pytest, state\n@pytest.mark.isolated\ndef test_poison(): state.VALUE.append(1)\n"
        text = (lab.sample.root / "test_p.py").read_text()
        text = text.replace("def test_poison(): state.VALUE.append(1)\n", "")
        await lab.write("test_p.py", marked + text)
        assert set((await lab.ask(RunTests())).values()) == {"passed"}

    explore(tmp_path, monkeypatch, POISON, story, "-p", "no:randomly", "--strict-markers")


def test_an_explorer_can_isolate_all_tests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(lab: Lab) -> None:
        assert set(lab.outcomes().values()) == {"passed"}
        await lab.write("state.py", "VALUE = list()\n")
        assert set(lab.outcomes().values()) == {"passed"}

    explore(tmp_path, monkeypatch, POISON, story, "-p", "no:randomly", "--isolate")


def test_an_isolated_test_that_dies_costs_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = """
        import os
        def test_a():
            print("gone", flush=True)
            os.kill(os.getpid(), 9)
        def test_b(): pass
    """

    async def story(lab: Lab) -> None:
        ran = await lab.ask(RunTests(how="isolated"))
        assert ran == {"test_x.py::test_a": "crashed", "test_x.py::test_b": "passed"}
        crashed = next(event for event in lab.new(TestFinished) if event.outcome == "crashed")
        assert "SIGKILL" in crashed.message
        assert "gone" in crashed.failure

    explore(tmp_path, monkeypatch, {"test_x.py": text}, story, "-p", "no:randomly")


@pytest.mark.parametrize("both", [False, True])
def test_the_polluter_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, both: bool) -> None:
    files = dict(POISON)
    found = {"test_p.py::test_poison"}
    if both:
        files["test_p.py"] = files["test_p.py"].replace(
            "def test_1(): pass", "def test_1(): state.VALUE.append(0)"
        )
        files["test_p.py"] = files["test_p.py"].replace("VALUE == []", "VALUE != [0, 1]")
        found.add("test_p.py::test_1")

    async def story(lab: Lab) -> None:
        assert lab.outcomes()["test_p.py::test_victim"] == "failed"
        lab.give(Hunt(test="test_p.py::test_victim"))

        def over() -> Hunted | None:
            return next((event for event in lab.new(Hunted) if event.state != "hunting"), None)

        hunted = await lab.until("the hunt is over", over)
        assert hunted.state == "found"
        assert set(hunted.polluters) == found
        assert [event.state for event in lab.new(Hunted)].count("hunting") == hunted.tries

    explore(tmp_path, monkeypatch, files, story, "-p", "no:randomly")


def test_a_hunt_without_a_polluter_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {"test_x.py": "def test_a(): pass\ndef test_b(): assert 0\ndef test_c(): pass\n"}

    async def story(lab: Lab) -> None:
        for test, reason in (("test_b", "alone as well"), ("test_c", "all 2 tests")):
            lab.give(Hunt(test=f"test_x.py::{test}"))
            await lab.until("an answer", lambda: any(event.state == "nothing" for event in lab.new(Hunted)))
            assert reason in lab.new(Hunted)[-1].message

    explore(tmp_path, monkeypatch, files, story, "-p", "no:randomly")


HALF = {
    "own.py": "import os\nPID = os.getpid()\n",
    "test_x.py": """
        import os, own
        def test_x():
            if os.path.exists(os.environ["FLAG"]):
                assert own.PID == os.getpid()
    """,
}


def test_a_red_that_no_change_explains_is_asked_of_a_fresh_process_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flag = tmp_path / "flag"
    monkeypatch.setenv("FLAG", str(flag))

    async def story(lab: Lab) -> None:
        assert lab.outcomes() == {"test_x.py::test_x": "passed"}
        await lab.places()
        flag.touch()
        await lab.ask(RunTests(tests=("test_x.py",)))
        (result,) = lab.new(TestFinished)
        assert (result.outcome, result.warm) == ("passed", "failed")

    explore(tmp_path, monkeypatch, HALF, story)


def test_a_red_after_a_change_is_asked_of_a_fresh_process_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLAG", str(tmp_path / "flag"))

    async def story(lab: Lab) -> None:
        await lab.places()
        await lab.edit("test_x.py", "import os, own", "import own, os")
        await lab.places()
        (tmp_path / "flag").touch()
        # The copy before the test file has imported own.py: the process that runs the test is another one.
        await lab.edit("test_x.py", "import own, os", "import os, own, sys")
        assert lab.new(TestFinished)[0].outcome == "failed"
        await lab.until("the fresh result", lambda: lab.outcomes() == {"test_x.py::test_x": "passed"})
        assert lab.new(TestFinished)[-1].warm == "failed"

    explore(tmp_path, monkeypatch, HALF | {"test_a.py": "import own\ndef test_a(): pass\n"}, story)


def test_an_audit_finds_what_selection_missed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    value = tmp_path / "value"
    value.write_text("1")
    monkeypatch.setenv("VALUE", str(value))
    files = {
        "pyproject.toml": PYPROJECT.replace("audit = false", ""),
        "test_x.py": "import os\ndef test_x(): assert open(os.environ['VALUE']).read() == '1'\n",
        "test_y.py": "def test_y(): pass\n",
        "lib.py": "def unused(): pass\n",
    }

    async def story(lab: Lab) -> None:
        value.write_text("2")  # outside of the project: nobody watches it
        await lab.edit("test_y.py", "pass", "assert 1")
        audited = await lab.until("a miss", lambda: [event for event in lab.new(Audited) if event.misses])
        (miss,) = audited[0].misses
        assert (miss.test, miss.before, miss.after) == ("test_x.py::test_x", "passed", "failed")
        assert "test_y.py" in miss.message
        assert audited[0].recall < 1
        ran = await lab.edit("test_y.py", "assert 1", "assert 2")
        assert ran["test_x.py::test_x"] == "failed"

    explore(tmp_path, monkeypatch, files, story)


def test_a_module_that_reads_what_the_project_sets_is_not_imported_ahead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = tmp_path / "site-packages"
    site.mkdir()
    (site / "early_reader.py").write_text("import os\nMODE = os.environ.get('MODE', 'none')\n")
    (site / "harmless.py").write_text("X = 1\n")
    monkeypatch.setenv("PYTHONPATH", str(site))
    files = {
        "conftest.py": "import os\nos.environ['MODE'] = 'test'\n",
        "test_x.py": "import early_reader, harmless\ndef test_x(): assert early_reader.MODE == 'test'\n",
    }

    async def story(lab: Lab) -> None:
        await lab.places()
        assert lab.explorer.hosts.never == {"early_reader": "reads $MODE, which the project sets"}
        assert "harmless" in (lab.explorer.hosts.host.modules if lab.explorer.hosts.host else ())
        assert await lab.edit("test_x.py", "== 'test'", "in ['test']") == {"test_x.py::test_x": "passed"}

    explore(tmp_path, monkeypatch, files, story)
