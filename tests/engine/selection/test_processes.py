"""What processes do that a test starts is needed by the test; recording changes nothing in them."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.engine.selection.conftest import Lab

HEAD = """
    import os, subprocess, sys
    from pathlib import Path

    import pytest

    ROOT = Path(__file__).parent

    def python(*words, **options):
        return subprocess.run([sys.executable, *words], cwd=ROOT, capture_output=True, text=True, **options)

    def test_other():
        pass
"""
USED, UNUSED = ("app/core.py", "return 1", "return 11"), ("app/core.py", "return 2", "return 22")
CHANGES = {
    "function that ran": USED,
    "function of another process": ("app/late.py", "return 3", "return 33"),
    "module level": ("app/settings.py", "RATE = 5", "RATE = 6"),
    "data": ("data.txt", "five", "six"),
    "script": ("app/__main__.py", "print(", "print(0, "),
}
NOTHING = {
    "function that did not run": UNUSED,
    "comment": ("app/settings.py", "RATE", "# the rate\nRATE"),
    "module that was not imported": ("app/never.py", "0", "1"),
}


@pytest.fixture
def app(lab: Lab) -> Lab:
    """A project that is a program."""
    lab.write("app/__init__.py", "")
    lab.write("app/settings.py", "RATE = 5\n")
    lab.write("app/never.py", "0\n")
    lab.write("app/late.py", "def late():\n    return 3\n")
    lab.write(
        "app/core.py",
        """
        from app.settings import RATE

        def used():
            return 1 * RATE

        def unused():
            return 2
        """,
    )
    lab.write(
        "app/__main__.py",
        """
        import subprocess, sys
        from pathlib import Path
        from app import core
        try:
            import plugin
        except ImportError:
            plugin = None

        if __name__ == "__main__":
            late = "from app.late import late; print(late())"
            text = Path(__file__).parents[1].joinpath("data.txt").read_text().strip()
            print(core.used(), text, plugin, subprocess.check_output([sys.executable, "-c", late], text=True))
        """,
    )
    lab.write("data.txt", "five\n")
    return lab


def wrote_test(lab: Lab, body: str) -> None:
    """Write the test file: `HEAD` and more."""
    lab.write("test_app.py", HEAD)
    with (lab.root / "test_app.py").open("a", encoding="utf-8") as stream:
        stream.write(body)


RUN = """
def test_run():
    assert python("-m", "app").stdout.split() == ["5", "five", "None", "3"]
"""


@pytest.fixture
def recorded(app: Lab) -> Lab:
    """The program's test, recorded: it runs the program."""
    wrote_test(app, RUN.replace("def test_run", "\ndef test_run"))
    app.record()
    return app


@pytest.mark.parametrize("change", CHANGES)
def test_what_a_process_used_affects_the_test_that_started_it(recorded: Lab, change: str) -> None:
    recorded.replace(*CHANGES[change])
    assert set(recorded.ask().tests) == {"test_app.py::test_run"}


def test_a_module_that_a_process_looked_for_affects_it(recorded: Lab) -> None:
    recorded.write("plugin.py", "X = 1\n")
    assert set(recorded.ask().tests) == {"test_app.py::test_run"}


@pytest.mark.parametrize("change", NOTHING)
def test_what_a_process_did_not_use_affects_nothing(recorded: Lab, change: str) -> None:
    recorded.replace(*NOTHING[change])
    assert not recorded.ask().tests


WAYS = {
    "command": """
def test_run():
    assert python("-c", "from app.core import used; print(used())").stdout == "5\\n"
""",
    "own environment": """
def test_run():
    assert python("-c", "from app.core import used; print(used())", env={"X": "1"}).stdout == "5\\n"
""",
    "python on the path": """
def test_run():
    path = os.path.dirname(sys.executable)
    code = "from app.core import used; print(used())"
    done = subprocess.run(["python", "-c", code], cwd=ROOT, capture_output=True, env={"PATH": path})
    assert done.stdout == b"5\\n", done
""",
    "script": """
def test_run(tmp_path):
    script = tmp_path / "script"
    code = f"import sys; sys.path.append({str(ROOT)!r})\\nfrom app import core; core.used()"
    script.write_text(f"#!{sys.executable}\\n{code}")
    script.chmod(0o700)
    subprocess.run([script], check=True)
""",
    "spawned": """
def work():
    from app.core import used
    assert used() == 5

def test_run(monkeypatch):
    import multiprocessing
    monkeypatch.syspath_prepend(ROOT)
    process = multiprocessing.get_context("spawn").Process(target=work)
    process.start()
    process.join()
    assert process.exitcode == 0
""",
    "posix_spawn": """
def test_run(monkeypatch):
    monkeypatch.chdir(ROOT)
    code = "from app.core import used; used()"
    os.waitpid(os.posix_spawn(sys.executable, ["python", "-c", code], os.environ), 0)
""",
    "asyncio": """
def test_run():
    import asyncio
    async def run():
        code = "from app.core import used; used()"
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, cwd=ROOT)
        assert await process.wait() == 0
    asyncio.run(run())
""",
    "session fixture": """
@pytest.fixture(scope="session")
def ran():
    return python("-c", "from app.core import used; print(used())").stdout

def test_run(ran):
    assert ran == "5\\n"
""",
    "pytest in pytest": """
pytest_plugins = ["pytester"]

def test_run(pytester, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    pytester.makepyfile("from app.core import used\\ndef test_a(): assert used() == 5\\n")
    assert pytester.runpytest_subprocess("-p", "no:cacheprovider").ret == 0
""",
    "exit by an exception": """
def test_run():
    assert python("-c", "from app.core import used; used(); 1 / 0").returncode == 1
""",
}


@pytest.mark.parametrize("way", WAYS)
def test_every_way_to_start_this_python_is_recorded(app: Lab, way: str) -> None:
    wrote_test(app, WAYS[way])
    app.record()
    app.replace(*USED)
    assert set(app.ask().tests) == {"test_app.py::test_run"}
    app.take()
    app.replace(*UNUSED)
    assert not app.ask().tests


def test_what_a_test_module_starts_is_needed_by_all_its_tests(app: Lab) -> None:
    wrote_test(app, '\npython("-c", "from app.core import used; print(used())")\n')
    app.record()
    app.replace(*UNUSED)
    assert not app.ask().tests
    app.take()
    app.replace(*USED)
    assert set(app.ask().tests) == {"test_app.py::test_other"}


UNSEEN = {
    "killed": 'python("-c", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)")',
    "left by os._exit": 'python("-c", "import os; os._exit(0)")',
    "isolated": 'python("-I", "-c", "pass")',
    "without site": 'python("-uS", "-c", "pass")',
    "another program": 'subprocess.run(["find", ".", "-maxdepth", "0"])',
    "a shell's two": 'subprocess.run("true; true", shell=True)',
    "a shell's substitution": 'subprocess.run("echo $(true)", shell=True)',
    "another after a harmless one": 'os.system("true && true")',
    "a filter of a project's file": 'subprocess.run(["cat", "test_app.py"])',
    "a filter by an option": 'subprocess.run(["sort", "--files0-from=test_app.py"])',
    "code before exec": 'python("-c", "pass", preexec_fn=lambda: None)',
    "a fork": "os.waitpid(os.fork() or os._exit(0), 0)",
    "a fork in it": 'python("-c", "import os; os.fork() or os._exit(0); os.wait()")',
    "finalizer at the end": 'python("-c", "import app.dying; keep = app.dying.Dying()")',
}


@pytest.mark.parametrize("way", UNSEEN)
def test_what_cannot_be_recorded_is_reached_by_every_change(app: Lab, way: str) -> None:
    app.write("app/dying.py", "class Dying:\n    def __del__(self):\n        pass\n")
    wrote_test(app, f"\ndef test_run():\n    {UNSEEN[way]}\n")
    app.record()
    app.replace(*UNUSED)
    assert set(app.ask().tests) == {"test_app.py::test_run"}


HARMLESS = {
    "a program": 'subprocess.run(["true"])',
    "a filter": 'subprocess.run(["cat"], input=b"text")',
    "a filter of another file": 'subprocess.run(["cat", os.devnull])',
    "by a shell": 'subprocess.run("cat", shell=True, input=b"text")',
    "by os.system": 'os.system("true")',
    "with options": 'subprocess.run(["head", "-n1"], input=b"text")',
}


@pytest.mark.parametrize("way", HARMLESS)
def test_what_runs_no_project_code_is_reached_by_no_change(app: Lab, way: str) -> None:
    wrote_test(app, f"\ndef test_run():\n    {HARMLESS[way]}\n")
    app.record()
    app.replace(*UNUSED)
    assert not app.ask().tests


def test_a_process_that_outlives_its_test_may_work_for_later_ones(app: Lab) -> None:
    wrote_test(
        app,
        """
process = None

def test_starts():
    global process
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)

def test_uses():
    process.communicate(b"\\n")
    assert process.returncode == 0

def test_later():
    pass
""",
    )
    app.record()
    app.replace(*UNUSED)
    assert set(app.ask().tests) == {"test_app.py::test_starts", "test_app.py::test_uses"}


MIRROR = """
import json, os, sys
hidden = {"PYTEST_CURRENT_TEST", "PYTEST_VERSION", "COLUMNS", "LINES"}
print(json.dumps({
    "argv": sys.argv,
    "path": sys.path,
    "flags": list(sys.flags),
    "environment": {name: value for name, value in os.environ.items() if name not in hidden},
    "shared": os.environ.update(SET="1") or os.environb[b"SET"].decode(),
    "sitecustomize": "sitecustomize" in sys.modules,
    "files": sorted(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else [],
}))
sys.stderr.write("to stderr")
import app.core, app.broken
"""


@pytest.mark.parametrize("given", ["None", "{}", "{'PYTHONPATH': ''}", "{'PYTHONPATH': str(ROOT / 'more')}"])
def test_a_process_finds_what_it_would_find_without_recording(app: Lab, given: str) -> None:
    app.write("app/broken.py", "def fail():\n    raise KeyError(1)\n\n\nfail()\n")
    app.write("more/sitecustomize.py", "print('customized')\n")
    app.write("mirror.py", MIRROR)
    wrote_test(
        app,
        f"""
def test_run():
    for words in (["mirror.py", "a", "-b"], ["-m", "mirror", "c"], ["-W", "error", "-c", "import mirror"]):
        done = python(*words, env={given})
        print("EXIT", done.returncode, done.stdout, done.stderr)
    assert False
""",
    )
    plain, before = app.plain("-p", "no:randomly"), None
    for _ in range(2):
        app.record("-p", "no:randomly", code=1)
        seen = timeless(app.output)
        assert timeless(plain) == seen
        assert before in {None, len(seen)}
        before = len(seen)
    assert "KeyError" in plain
    assert ("customized" in plain) == ("more" in given)
    assert not app.notices


def timeless(output: str) -> list[str]:
    """Return the lines of pytest's output that do not tell times."""
    return [line for line in output.splitlines() if not re.search(r" in \d+\.\d+s", line)]


def test_a_process_that_stays_away_from_the_project_imports_nothing_of_ours(app: Lab) -> None:
    wrote_test(
        app,
        """
def test_run():
    print(sorted(python("-c", "import sys; print(*sys.modules)").stdout.split()))
    assert False
""",
    )
    plain = modules(app.plain())
    app.record(code=1)
    assert plain
    assert modules(app.output) - plain <= {"atexit"}


def modules(output: str) -> set[str]:
    """Return the names that a test printed as a list."""
    (line,) = (line for line in output.splitlines() if line.startswith("['"))
    return set(ast.literal_eval(line))


def test_no_report_is_left(recorded: Lab) -> None:
    assert not [path for path in (recorded.state / "processes").rglob("*") if path.is_file()]
