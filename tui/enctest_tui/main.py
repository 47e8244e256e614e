"""The command `enctest-tui`: opens the explorer of the project in the current folder."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from enctest.errors import EnctestError

SERVE = "serve"
PORT = 9400
"""Where the dashboard is unless another port is named."""
_HELP = """\
usage: enctest-tui [--demo] [--python PATH] [PYTEST ARGS]
       enctest-tui serve [--port PORT] [--demo] [--python PATH] [PYTEST ARGS]

Shows the tests of the project in this folder, and runs those that a save affects; `serve` shows them in a
browser, at http://127.0.0.1:9400 unless another port is named.

  --demo         copy the sample project to a temporary folder and open it
  --python PATH  interpreter that runs the tests (default: the active virtual
                 environment, else the project's own, else this one)
  --port PORT    where `serve` listens; on 127.0.0.1 only, and only to who has the link it prints
  --version      print the version
  --help         print this
  --             what follows goes to pytest, whatever it looks like

Everything else goes to pytest: paths, node ids, -k, -m, -p and so on.
Without a screen: enctest watch. Keys: press ? in the app.
"""


@dataclass(frozen=True)
class Options:
    """What the command line asks for; `args` are pytest's, `port` is 0 unless it is to be served."""

    args: tuple[str, ...] = ()
    python: str = ""
    port: int = 0
    demo: bool = False
    help: bool = False
    version: bool = False


def parse(argv: Sequence[str]) -> Options:
    """Take our own options out of a command line.

    Raises:
        EnctestError: `--python` names nothing, or `--port` no port.
    """
    args: list[str] = []
    python, flags = "", set()
    serves = list(argv[:1]) == [SERVE]
    port = PORT if serves else 0
    words = iter(argv[1:] if serves else argv)
    for word in words:
        if word == "--":
            args += words
        elif word in {"--demo", "--help", "-h", "--version"}:
            flags.add(word)
        elif word == "--python" or word.startswith("--python="):
            python = word.partition("=")[2] or next(words, "")
            if not python:
                raise EnctestError(
                    "--python needs the path of an interpreter", "For example: --python .venv/bin/python"
                )
        elif serves and (word == "--port" or word.startswith("--port=")):
            port = _port(word.partition("=")[2] or next(words, ""))
        else:
            args.append(word)
    wants_help = bool(flags & {"--help", "-h"})
    return Options(tuple(args), python, port, "--demo" in flags, wants_help, version="--version" in flags)


def _port(text: str) -> int:
    if text.isascii() and text.isdigit() and 0 < int(text) < 2**16:
        return int(text)
    raise EnctestError(f"--port {text or '(nothing)'} is no port", f"For example: --port {PORT + 1}")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    os.environ.pop("ENCTEST_TEST", None)  # whoever started this, its runs are no part of a test
    try:
        options = parse(sys.argv[1:] if argv is None else argv)
        if options.help or options.version:
            print(_HELP if options.help else _version(), end="")
            return 0
        return _open(options)
    except EnctestError as error:
        print(f"enctest-tui: {error.title}", file=sys.stderr)
        if error.hint:
            print(error.hint, file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130


def _version() -> str:
    from enctest import __version__

    return f"enctest-tui {__version__}\n"


def _open(options: Options) -> int:
    from enctest.paths import Project
    from enctest_tui.link import Link, is_in_a_browser

    has_terminal = sys.stdin.isatty() and sys.stdout.isatty()
    if not has_terminal and not options.port and not is_in_a_browser():
        raise EnctestError(
            "enctest-tui needs a terminal",
            "Without one: enctest-tui serve, enctest watch, or enctest for a single run.",
        )
    if options.port:
        _check_for_textual_serve()
    if options.demo:
        os.chdir(_demo())
    project = Project.find()
    link = Link(project, options.args, options.python)
    if options.port:
        from enctest_tui.serve import serve

        return serve(link, options.port)
    # Only now, with the explorer on its way, what takes long to import.
    from enctest_tui.start import run

    return run(link)


def _check_for_textual_serve() -> None:
    from importlib.util import find_spec

    if find_spec("textual_serve") is None:
        raise EnctestError(
            "enctest-tui serve needs textual-serve, which is not installed",
            "pip install 'enctest-tui[browser]'",
        )


def _demo() -> Path:
    """Copy the sample project to a temporary folder and say where."""
    import shutil
    import tempfile

    sample = Path(__file__).parent / "demo"
    target = Path(tempfile.mkdtemp(prefix="enctest-demo-")) / "shop"
    shutil.copytree(
        sample, target, ignore=shutil.ignore_patterns("__pycache__", ".enctest", ".pytest_cache", ".venv")
    )
    print(f"The sample project is in {target}")
    return target


if __name__ == "__main__":
    sys.exit(main())
