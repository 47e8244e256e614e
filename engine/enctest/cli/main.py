"""`enctest`: which command it is, and what an expected error looks like."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from enctest import __version__
from enctest.errors import EnctestError

if TYPE_CHECKING:
    from enctest.cli.trace import View
    from enctest.events import Against

USAGE = """\
usage: enctest [PYTEST ARGS]           run once, as pytest would, with traces and databases
         -n N | --isolate              N processes run the tests | a process for each test
         --affected[=REV]              only what changes since the last run (and since a git revision)
                                       can affect, what failed, and what is new
       enctest watch [--events FILE] [--python PATH] [PYTEST ARGS]
                                       rerun affected tests on every save, without a screen
         --fresh                       each run in a pytest process of its own, no snapshots
       enctest affected [--changed PATH ...] [--why]
                                       print the tests that changed files can affect
       enctest trace NODEID [--stats | --critical-path | --compare [previous]]
                                       print a test's last span tree and what is found in it, times by
                                       operation, the spans that decided how long it took, or how it
                                       differs from that of its last pass (or of the run before)
       enctest db COMMAND NAME         url, shell, changes, drop or reset of a managed database; or list
       enctest report [FILE]           write the last results and traces into one HTML file
       enctest stacks [PART OF A NODEID]
                                       print where the tests that run now in an open enctest are:
                                       stacks of their threads and tasks, without stopping them
       enctest doctor                  say what was found here, and what to do about problems
       enctest-tui                     the same with a screen

`./...` and `DIR/...` mean everything below. All of pytest's options are accepted: enctest --help-pytest
"""


def run(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns its exit code. Expected errors are one message and a hint on stderr."""
    args = list(sys.argv[1:] if argv is None else argv)
    try:
        return _dispatch(args)
    except EnctestError as error:
        print(f"enctest: {error.title}", file=sys.stderr)
        if error.hint:
            print(f"  {error.hint}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        sys.stderr.close()  # else the interpreter complains of the pipe once more
        return 141


def _dispatch(args: list[str]) -> int:
    name = args[0] if args else ""
    commands: dict[str, Callable[[list[str]], int]] = {
        "watch": _watch,
        "affected": _affected,
        "trace": _trace,
        "report": _report,
        "stacks": _stacks,
        "doctor": _doctor,
        "db": _db,
    }
    if name in commands:
        return commands[name](args[1:])
    if name in ("-h", "--help"):
        print(USAGE, end="")
        return 0
    if args == ["--version"]:
        print(f"enctest {__version__}")
    if name == "--help-pytest":
        args[0] = "--help"
    from enctest.cli.once import run_once

    return run_once(expand(args))


def expand(args: Sequence[str]) -> list[str]:
    """Turn `./...` and `DIR/...`, which Go programmers type, into folders."""
    return [
        (arg.removesuffix("/...") or "/") if arg.endswith("/...") and not arg.startswith("-") else arg
        for arg in args
    ]


def take_option(args: list[str], name: str) -> str | None:
    """Take `NAME VALUE` or `NAME=VALUE` out of the arguments; None when it is not there.

    Raises:
        EnctestError: The value is missing.
    """
    for index, arg in enumerate(args):
        if arg == name:
            if index + 1 >= len(args):
                raise EnctestError(f"{name} needs a value", USAGE)
            value = args[index + 1]
            del args[index : index + 2]
            return value
        if arg.startswith(f"{name}="):
            del args[index]
            return arg.partition("=")[2]
    return None


def _watch(args: list[str]) -> int:
    from enctest.cli.watch import watch

    events = take_option(args, "--events")
    python = take_option(args, "--python") or ""
    return watch(expand(args), events=Path(events) if events else None, python=python)


def _affected(args: list[str]) -> int:
    from enctest.cli.affected import affected

    why = "--why" in args
    paths = [arg for arg in args if arg not in ("--why", "--changed")]
    unknown = [arg for arg in paths if arg.startswith("-")]
    if unknown:
        raise EnctestError(f"enctest affected does not know {unknown[0]}", USAGE)
    if paths and "--changed" not in args:
        raise EnctestError(f"enctest affected: {paths[0]} stands alone", "Put --changed before the paths.")
    if "--changed" in args and not paths:
        raise EnctestError("--changed needs at least one path", USAGE)
    return affected(paths if "--changed" in args else None, why=why)


def _trace(args: list[str]) -> int:
    from enctest.cli.trace import trace

    against: Against | None = None
    if "--compare" in args:
        at = args.index("--compare")
        against = "previous" if args[at + 1 : at + 2] == ["previous"] else "pass"
        del args[at : at + (2 if against == "previous" else 1)]
    view: View = "tree"
    if "--stats" in args:
        args.remove("--stats")
        view = "statistics"
    if "--critical-path" in args:
        args.remove("--critical-path")
        view = "critical path"
    if len(args) != 1 or args[0].startswith("-"):
        raise EnctestError("enctest trace takes one node id", USAGE)
    return trace(args[0], against, view)


def _report(args: list[str]) -> int:
    from enctest.cli.report import report

    if len(args) > 1 or any(arg.startswith("-") for arg in args):
        raise EnctestError("enctest report takes one file", USAGE)
    return report(args[0] if args else "")


def _stacks(args: list[str]) -> int:
    from enctest.cli.stacks import stacks

    if len(args) > 1 or any(arg.startswith("-") for arg in args):
        raise EnctestError("enctest stacks takes at most one part of a node id", USAGE)
    return stacks(args[0] if args else "")


def _doctor(args: list[str]) -> int:
    from enctest.cli.doctor import doctor

    python = take_option(args, "--python") or ""
    if args:
        raise EnctestError(f"enctest doctor does not know {args[0]}", USAGE)
    return doctor(python)


def _db(args: list[str]) -> int:
    from enctest.cli.db import db

    test = take_option(args, "--test") or ""
    return db(args, test)
