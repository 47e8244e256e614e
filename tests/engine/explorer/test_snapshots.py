"""Runs resume from suspended copies: only what is needed is imported again, and nothing untrue is resumed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.engine.explorer.lab import PYPROJECT, Lab, explore

from enctest.events import RunTests

MODULES = {
    "note.py": """
        import os
        def imported(name):
            with open(os.environ["IMPORTS"], "a") as file:
                file.write(f"{name}\\n")
    """,
    "base.py": "import note\nnote.imported('base')\n\ndef one():\n    return 1\n",
    "middle.py": "import base, note\nnote.imported('middle')\n\ndef two():\n    return base.one() + 1\n",
    "tests/test_a.py": """
        import base, middle, note
        note.imported('test_a')
        def test_two():
            assert middle.two() == 2
    """,
    "tests/test_b.py": """
        import base, note
        note.imported('test_b')
        def test_one():
            assert base.one() == 1
        def test_data():
            assert open("data.txt").read() == "x"
    """,
    "data.txt": "x",
}


@pytest.fixture(name="imports")
def fixture_imports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "imports"
    monkeypatch.setenv("IMPORTS", str(path))
    return path


def taken(imports: Path) -> list[str]:
    """Return what was imported since the last time."""
    names = imports.read_text().split() if imports.exists() else []
    imports.write_text("")
    return names


def test_a_run_imports_the_edited_module_and_what_comes_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, imports: Path
) -> None:
    async def story(lab: Lab) -> None:
        await lab.places()
        await lab.edit("middle.py", "two():", "two(*_):")
        assert "middle.py" in await lab.places()
        taken(imports)
        ran = await lab.edit(
            "middle.py", "two(*_):\n    return base.one() + 1", "two():\n    return base.one() + 2"
        )
        assert ran == {"tests/test_a.py::test_two": "failed"}
        assert taken(imports)[:2] == ["middle", "test_a"]

    explore(tmp_path, monkeypatch, MODULES, story)


def test_what_no_import_has_read_needs_no_import(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, imports: Path
) -> None:
    async def story(lab: Lab) -> None:
        before = await lab.places()
        taken(imports)
        assert await lab.edit("data.txt", "x", "y") == {"tests/test_b.py::test_data": "failed"}
        assert taken(imports) == []
        assert set(before) <= set(await lab.places())  # one that was made before may tell late

    explore(tmp_path, monkeypatch, MODULES, story)


def test_an_edited_test_file_is_collected_last_and_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, imports: Path
) -> None:
    async def story(lab: Lab) -> None:
        await lab.places()
        await lab.edit("tests/test_a.py", "== 2", "== 3")
        assert (await lab.places())[-2:] == ["tests/test_a.py", "collected"]
        taken(imports)
        assert await lab.edit("tests/test_a.py", "== 3", "== 1 + 1") == {
            "tests/test_a.py::test_two": "passed"
        }
        assert {"base", "test_b"}.isdisjoint(taken(imports))

    explore(tmp_path, monkeypatch, MODULES, story)


def test_a_new_file_is_no_surprise_to_a_copy_that_has_collected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, imports: Path
) -> None:
    async def story(lab: Lab) -> None:
        await lab.places()
        ran = await lab.write("tests/test_c.py", "def test_c(): pass\n")
        assert ran == {"tests/test_c.py::test_c": "passed"}
        (lab.sample.root / "tests/test_c.py").unlink()
        await lab.until("it is gone", lambda: "tests/test_c.py::test_c" not in lab.explorer.book.tests)
        await lab.places()
        assert await lab.ask(RunTests(tests=("tests",))) == dict.fromkeys(
            ["tests/test_a.py::test_two", "tests/test_b.py::test_one", "tests/test_b.py::test_data"], "passed"
        )

    explore(tmp_path, monkeypatch, MODULES, story)
    assert imports.exists()


def test_everything_can_run_again_from_a_collected_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, imports: Path
) -> None:
    async def story(lab: Lab) -> None:
        before = await lab.places()
        taken(imports)
        for _ in range(2):
            assert len(await lab.ask(RunTests())) == 3
        assert taken(imports) == []
        assert await lab.places() == before

    explore(tmp_path, monkeypatch, MODULES, story)


def test_a_copy_that_was_made_for_a_few_files_knows_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, imports: Path
) -> None:
    slow = "import time, middle\ndef test_slow(): time.sleep(0.5); assert middle.two() == 2\n"
    files = MODULES | {"tests/more/test_slow.py": slow, "tests/more/test_too.py": slow}

    async def story(lab: Lab) -> None:
        await lab.places()
        assert len(await lab.edit("middle.py", "base.one() + 1", "1 + base.one()")) == 3
        assert await lab.edit("data.txt", "x", "y") == {"tests/test_b.py::test_data": "failed"}
        assert len(lab.explorer.book.tests) == 5

    explore(tmp_path, monkeypatch, files, story)
    assert imports.exists()


def test_no_copy_is_older_than_the_limit_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, imports: Path
) -> None:
    files = MODULES | {"pyproject.toml": PYPROJECT + "snapshots = 3\n"}

    async def story(lab: Lab) -> None:
        await lab.places()
        for number, name in enumerate(["base.py", "middle.py", "note.py"]):
            await lab.write(name, (lab.sample.root / name).read_text() + f"NEW = {number}\n")
            places = await lab.places()
            assert len(places) <= 3
            assert places[-1] == "collected"

    explore(tmp_path, monkeypatch, files, story)
    assert imports.exists()


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("threading.Thread(target=threading.Event().wait, daemon=True).start()", "thread"),
        ("atexit.register(print)", "at exit"),
        ("KEEP = socket.socket()", "connection"),
        ("KEEP = tempfile.TemporaryDirectory()", "temporary folder"),
        ("KEEP = subprocess.Popen(['sleep', '60'])", "process"),
    ],
)
def test_what_two_processes_cannot_both_have_is_not_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, reason: str
) -> None:
    files = {
        "conftest.py": f"import atexit, socket, subprocess, tempfile, threading\n{line}\n",
        "test_x.py": "def test_x(): pass\ndef test_y(): pass\n",
    }

    async def story(lab: Lab) -> None:
        assert lab.outcomes() == {"test_x.py::test_x": "passed", "test_x.py::test_y": "passed"}
        refused = await lab.until("no copy", lambda: lab.explorer.hosts.refused.get("collected"))
        assert reason in refused
        assert await lab.edit("test_x.py", "def test_y(): pass", "def test_y(): assert 0") == {
            "test_x.py::test_y": "failed"
        }
        assert lab.explorer.hosts.chain.points == ()

    explore(tmp_path, monkeypatch, files, story)


PROCESS = {
    "core.py": "def used():\n    return 1\n\n\ndef unused():\n    return 2\n",
    "made.py": """
        import subprocess, sys
        CODE = "import core; print(core.used())"
        VALUE = subprocess.check_output([sys.executable, "-c", CODE], text=True).strip()
    """,
    "tests/test_a.py": "import made\n\ndef test_made():\n    assert made.VALUE == '1'\n",
    "tests/test_b.py": "def test_b():\n    pass\n",
}


def test_what_a_process_told_before_a_copy_was_made_is_known_to_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(lab: Lab) -> None:
        for number in range(2):
            assert "collected" in await lab.places()
            assert await lab.edit("tests/test_b.py", f"b{number or ''}()", f"b{number + 1}()") == {
                f"tests/test_b.py::test_b{number + 1}": "passed"
            }
            one, wrong, other = (f"return {'1 * ' * number}{value}\n" for value in ("1", "3", "1 * 1"))
            assert await lab.edit("core.py", one, wrong) == {"tests/test_a.py::test_made": "failed"}
            assert await lab.edit("core.py", wrong, other) == {"tests/test_a.py::test_made": "passed"}
            assert "collected" in await lab.places()
            assert len(await lab.ask(RunTests())) == 2
            assert await lab.edit("core.py", f"return {number + 2}", f"return {number + 3}") == {}

    explore(tmp_path, monkeypatch, PROCESS, story)


def test_isolated_tests_know_what_a_process_told_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    test = "@pytest.mark.isolated\ndef test_{}():\n    assert made.VALUE == '1'\n"
    files = PROCESS | {"tests/test_a.py": "import made, pytest\n" + test.format("one") + test.format("two")}

    async def story(lab: Lab) -> None:
        assert len(await lab.ask(RunTests(how="fresh"))) == 3
        assert await lab.edit("core.py", "return 2", "return 4") == {}
        failed = dict.fromkeys(["tests/test_a.py::test_one", "tests/test_a.py::test_two"], "failed")
        assert await lab.edit("core.py", "return 1", "return 3") == failed

    explore(tmp_path, monkeypatch, files, story)


def test_what_a_process_did_unseen_may_be_untrue_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = 'import subprocess\nVALUE = subprocess.check_output(["sh", "-c", "cat value"], text=True)\n'
    files = PROCESS | {"made.py": made, "value": "1"}

    async def story(lab: Lab) -> None:
        refused = await lab.until("no copy", lambda: lab.explorer.hosts.refused.get("collected"))
        assert "what it read" in refused
        assert await lab.edit("value", "1", "2") == {"tests/test_a.py::test_made": "failed"}

    explore(tmp_path, monkeypatch, files, story)


def test_what_was_seeded_stays_seeded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    number = tmp_path / "number"
    monkeypatch.setenv("NUMBER", str(number))
    files = {
        "conftest.py": "import random\nrandom.seed(7)\n",
        "test_x.py": """
            import os, random
            def test_x():
                open(os.environ["NUMBER"], "w").write(str(random.random()))
        """,
    }

    async def story(lab: Lab) -> None:
        first = number.read_text()
        await lab.places()
        await lab.ask(RunTests(tests=("test_x.py",)))
        assert number.read_text() == first
        await lab.ask(RunTests(tests=("test_x.py",), how="fresh"))
        assert number.read_text() == first

    explore(tmp_path, monkeypatch, files, story, "-p", "no:randomly")


def test_copies_end_with_the_explorer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, imports: Path) -> None:
    pids: list[int] = []

    async def story(lab: Lab) -> None:
        await lab.places()
        pids.extend(point.info.pid for point in lab.explorer.hosts.chain.points if point.info)

    explore(tmp_path, monkeypatch, MODULES, story)
    assert pids
    assert imports.exists()
    assert not [pid for pid in pids if is_alive(pid)]


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()


def test_without_fork_each_run_has_a_process_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, imports: Path
) -> None:
    async def story(lab: Lab) -> None:
        assert set(lab.outcomes().values()) == {"passed"}
        assert await lab.places() == []
        taken(imports)
        ran = await lab.edit("middle.py", "base.one() + 1", "base.one() + 2")
        assert ran == {"tests/test_a.py::test_two": "failed"}
        assert taken(imports) == ["base", "middle", "test_a"]
        assert await lab.edit("tests/test_b.py", "== 1", "== 1; os._exit(3)") == {
            "tests/test_b.py::test_one": "failed",
            "tests/test_a.py::test_two": "failed",
        }
        ran = await lab.edit("tests/test_b.py", "import base", "import os, base")
        assert ran["tests/test_b.py::test_one"] == "crashed"

    explore(tmp_path, monkeypatch, MODULES, story, "--fresh")
