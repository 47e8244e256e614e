"""The command line, before Textual is there."""

from __future__ import annotations

import subprocess
import sys

import pytest

from enctest.errors import EnctestError
from enctest_tui.main import Options, main, parse


@pytest.mark.parametrize(
    ("words", "options"),
    [
        ([], Options()),
        (["-k", "one", "tests/"], Options(args=("-k", "one", "tests/"))),
        (["--python", "py", "-x"], Options(args=("-x",), python="py")),
        (["--python=py"], Options(python="py")),
        (["--demo"], Options(demo=True)),
        (["-h"], Options(help=True)),
        (["serve"], Options(port=9400)),
        (["serve", "--port", "9500", "-x"], Options(args=("-x",), port=9500)),
        (["serve", "--port=1"], Options(port=1)),
        (["-x", "serve"], Options(args=("-x", "serve"))),
        (["--", "--demo", "--python"], Options(args=("--demo", "--python"))),
    ],
)
def test_what_is_not_ours_goes_to_pytest(words: list[str], options: Options) -> None:
    assert parse(words) == options


def test_python_needs_a_path() -> None:
    with pytest.raises(EnctestError, match="--python needs"):
        parse(["--python"])


@pytest.mark.parametrize("words", [["--port"], ["--port", "http"], ["--port=0"], ["--port", "65536"]])
def test_a_port_that_is_none_is_refused(words: list[str]) -> None:
    with pytest.raises(EnctestError, match="is no port"):
        parse(["serve", *words])


def test_help_and_version_need_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    assert main(["--version"]) == 0
    said = capsys.readouterr().out
    assert "usage: enctest-tui" in said
    assert "enctest-tui 0." in said


def test_without_a_terminal_the_other_commands_are_named() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "enctest_tui.main"],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    assert done.returncode == 4
    assert done.stderr.splitlines() == [
        "enctest-tui: enctest-tui needs a terminal",
        "Without one: enctest-tui serve, enctest watch, or enctest for a single run.",
    ]


def modules(statement: str) -> set[str]:
    code = f"import sys; {statement}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in done.stdout.split()}


def test_the_explorer_is_on_its_way_before_textual_is_imported() -> None:
    assert not modules("import enctest_tui.main, enctest_tui.link") & {"textual", "rich", "pytest"}


def test_the_model_knows_nothing_of_the_screen() -> None:
    assert "textual" not in modules("import enctest_tui.model, enctest_tui.rows, enctest_tui.spanrows")


def test_the_screen_never_imports_pytest() -> None:
    assert not modules("import enctest_tui.start") & {"pytest", "_pytest", "pygments"}
