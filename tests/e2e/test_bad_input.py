"""Whatever the project does, the explorer says what is wrong and goes on."""

from __future__ import annotations

import pytest
from tests.e2e.conftest import MakeSample
from tests.harness import Sample, wait_until

GOOD = {
    "tests/test_good.py": "def test_good():\n    pass\n",
    "tests/test_other.py": "def test_other():\n    pass\n",
}


def trace(project: Sample, test: str) -> str:
    return project.enctest("trace", test).stdout


def test_a_syntax_error_is_an_error_of_its_file_alone(sample: MakeSample) -> None:
    with sample(GOOD).watch() as watch:
        ran = watch.edit("tests/test_good.py", "def test_good():", "def test_good(:")
        assert ran == {"tests/test_good.py": "error"}
        (event,) = watch.new("test_finished")
        assert "SyntaxError" in event["message"] + event["failure"]
        ran = watch.edit(
            "tests/test_good.py", "def test_good(:", "def test_good():  # mended\n    assert True"
        )
        assert ran == {"tests/test_good.py::test_good": "passed"}
        assert [event["total"] for event in watch.new("affected")] == [2]


def test_a_conftest_that_raises(sample: MakeSample) -> None:
    project = sample(GOOD | {"conftest.py": "VALUE = 1\n"})
    with project.watch() as watch:
        assert watch.edit("conftest.py", "VALUE = 1", "VALUE = 1 / 0") == {}
        (error,) = watch.new("error")
        assert "ZeroDivisionError" in error["message"] + error["hint"]
        assert set(watch.edit("conftest.py", "VALUE = 1 / 0", "VALUE = 2").values()) == {"passed"}


def test_an_import_loop(sample: MakeSample) -> None:
    files = {
        "a.py": "from b import x\ny = 1\n",
        "b.py": "from a import y\nx = 1\n",
        "test_loop.py": "import a\ndef test(): pass\n",
    }
    project = sample(files | {"pyproject.toml": '[tool.pytest.ini_options]\npythonpath = ["."]\n'})
    with project.watch() as watch:
        assert watch.outcomes() == {"test_loop.py": "error"}
        assert watch.edit("b.py", "from a import y\n", "") == {"test_loop.py::test": "passed"}


def test_no_tests(sample: MakeSample) -> None:
    project = sample({"a.py": ""})
    with project.watch() as watch:
        (error,) = watch.new("error")
        assert "No tests" in error["message"]
        watch.mark()
        project.write("test_a.py", "def test(): pass\n")
        watch.wait_for("test_finished", test="test_a.py::test", outcome="passed")


@pytest.mark.parametrize(
    "text",
    ["[tool.pytest\n", "[tool.enctest]\nspanz = 1\n", '[tool.pytest.ini_options]\naddopts = "--nonsense"\n'],
)
def test_a_broken_pyproject(sample: MakeSample, text: str) -> None:
    project = sample(GOOD | {"pyproject.toml": text})
    with project.watch() as watch:
        errors = watch.new("error")
        assert errors
        assert all(error["message"] for error in errors)
        watch.mark()
        project.write("pyproject.toml", "[tool.pytest.ini_options]\n# mended\n")
        watch.wait_for("run_started")
        watch.idle()
    with project.watch() as watch:
        assert watch.new("error") == []


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("os._exit(3)", "exit code 3"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", "SIGSEGV"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "SIGKILL"),
    ],
)
def test_a_test_that_kills_its_worker_costs_itself_alone(sample: MakeSample, how: str, message: str) -> None:
    files = {
        "test_bad.py": "import os, signal\n\ndef test_a(): pass\n\n"
        f"def test_b():\n    {how}\n\ndef test_c(): pass\n"
    }
    with sample(files).watch("-p", "no:randomly") as watch:
        assert watch.outcomes() == {
            "test_bad.py::test_a": "passed",
            "test_bad.py::test_b": "crashed",
            "test_bad.py::test_c": "passed",
        }
        (crash,) = [event for event in watch.new("test_finished") if event["outcome"] == "crashed"]
        assert message in crash["message"]
        call = next(
            s for s in watch.new("span_started") if s["test"] == crash["test"] and s["name"] == "call"
        )
        ended = [s["span"] for s in watch.new("span_ended") if s["test"] == crash["test"]]
        assert call["span"] not in ended
        wait_until("the trace is stored", lambda: "still open" in trace(watch.sample, crash["test"]))
        assert watch.edit("test_bad.py", how, "pass") == {"test_bad.py::test_b": "passed"}


def test_a_test_that_prints_without_end_of_sense(sample: MakeSample) -> None:
    files = {
        "test_loud.py": """
            def test_loud():
                for _ in range(100):
                    print("x" * 1_000_000)
                assert 0
            """
    }
    with sample(files).watch() as watch:
        (event,) = watch.new("test_finished")
        assert event["outcome"] == "failed"
        (section,) = event["sections"]
        assert "left out" in section["text"]
        assert len(section["text"]) < 100_000


def test_a_file_that_is_no_utf8(sample: MakeSample) -> None:
    project = sample(GOOD)
    with project.watch() as watch:
        watch.mark()
        (project.root / "tests/test_good.py").write_bytes(b"NAME = 'caf\xe9'\ndef test_good(): pass\n")
        watch.wait_for("test_finished", test="tests/test_good.py", outcome="error")
        watch.idle()
        watch.mark()
        project.write("tests/test_good.py", "def test_good(): assert True\n")
        watch.wait_for("test_finished", test="tests/test_good.py::test_good", outcome="passed")
        watch.idle()


def test_tests_with_one_id(sample: MakeSample) -> None:
    """The later definition wins in Python; a collector of its own can make real doubles."""
    files = {
        "conftest.py": """
            import pytest

            class Twin(pytest.Item):
                def runtest(self):
                    pass

            class Twins(pytest.File):
                def collect(self):
                    yield Twin.from_parent(self, name="twin")
                    yield Twin.from_parent(self, name="twin")

            def pytest_collect_file(file_path, parent):
                if file_path.suffix == ".twins":
                    return Twins.from_parent(parent, path=file_path)
            """,
        "a.twins": "",
        "test_a.py": "def test_x(): assert 0\n\ndef test_x(): pass\n",
    }
    with sample(files).watch() as watch:
        assert watch.outcomes() == {"a.twins::twin": "passed", "test_a.py::test_x": "passed"}


def test_odd_names_are_opaque(sample: MakeSample) -> None:
    files = {
        "test_odd.py": """
            import pytest

            @pytest.mark.parametrize("x", ["[red]", "a::b", "ein Wort", "日本語", "[/b]", "", "a/b"])
            def test_x(x):
                assert x != "a::b"
            """
    }
    with sample(files).watch() as watch:
        outcomes = watch.outcomes()
        assert len(outcomes) == 7
        assert sorted(outcomes.values()) == ["failed"] + ["passed"] * 6


def test_an_interpreter_without_enctest_gets_a_hint(sample: MakeSample) -> None:
    project = sample(GOOD)
    told = "ModuleNotFoundError: No module named 'enctest'"
    (project.root / "python").write_text(f'#!/bin/sh\necho "{told}" >&2\nexit 1\n')
    (project.root / "python").chmod(0o755)
    with project.watch("--python", "python") as watch:
        (error,) = watch.new("error")
        assert "has no enctest" in error["message"]
        assert "pip install" in error["hint"]


def test_no_such_interpreter(sample: MakeSample) -> None:
    done = sample(GOOD).enctest("watch", "--python", "nowhere")
    assert done.returncode == 4
    assert "no such interpreter" in done.stderr
    assert "Traceback" not in done.stderr
