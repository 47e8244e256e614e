"""`enctest`: which command it is, and what an expected error looks like."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from enctest import __version__
from enctest.errors import EnctestError

if TYPE_CHECKING:
    from enctest.cli.trace import View
    from enctest.events import Before

USAGE = """\
usage: enctest [PYTEST ARGS]           run once, as pytest would, with traces and databases
         -n N | --isolate              N processes run the tests | a process for each test
         --otlp ENDPOINT               send the traces to a collector, such as http://localhost:4318
         --spans                       print the span trees of failed tests
         --affected[=REV]              only what changes since the last run (and since a git revision)
                                       can affect, what failed, and what is new
       enctest --prepare[=FILE]        make the databases for anything else, print (or write) the variables
                                       that lead there, and keep them until Ctrl+C
       enctest --prepare -- COMMAND    run a command with them
       enctest watch [--events FILE] [--python PATH] [PYTEST ARGS]
                                       rerun affected tests on every save, without a screen
         --fresh                       each run in a pytest process of its own, no snapshots
       enctest affected [--changed PATH ...] [--why]
                                       print the tests that changed files can affect
       enctest trace NODEID [--stats | --critical-path | --compare [previous | OTHER] | --otlp-json FILE]
                                       print a test's last span tree and what is found in it, times by
                                       operation, the spans that decided how long it took, or how it
                                       differs from that of its last pass (or of the run before, or of
                                       the other test); or write it as OTLP JSON
       enctest db COMMAND NAME         url, shell, changes, drop or reset of a managed database; or list
       enctest report [FILE]           write the last results and traces into one HTML file
       enctest init [--yes]            look at the project, show its configuration, write it on a yes
       enctest schema                  print the JSON schema of [tool.enctest]
       enctest completion SHELL        print what bash, zsh or fish needs to complete enctest's words
       enctest stacks [PART OF A NODEID]
                                       print where the tests that run now in an open enctest are:
                                       stacks of their threads and tasks, without stopping them
       enctest doctor                  say what was found here, and what to do about problems
       enctest-tui                     the same with a screen

`./...` and `DIR/...` mean everything below. All of pytest's options are accepted: enctest --help shows them.
"""

_USAGE_ERROR = 4
"""pytest's exit code for it."""


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
        "init": _init,
        "schema": _schema,
        "completion": _completion,
        "db": _db,
    }
    if name in commands:
        return commands[name](args[1:])
    if name.partition("=")[0] == "--prepare":
        return _prepare(args)
    from enctest.cli.once import run_once, tell

    if name == "-h":
        print(USAGE, end="")
        return 0
    if "--help" in args:
        code = tell(args)
        print(f"\nenctest:\n{USAGE}", end="")
        return code
    if args == ["--version"]:
        print(f"enctest {__version__}", flush=True)
        return tell(args)
    code = run_once(expand(args))
    if code == _USAGE_ERROR and (close := _meant(name, commands)):
        print(f"enctest: did you mean: enctest {close}", file=sys.stderr)
    return code


def _meant(word: str, commands: Iterable[str]) -> str:
    """Return the command that somebody may have meant by a word that is no file."""
    if word.startswith("-") or Path(word).exists():
        return ""
    return next(iter(difflib.get_close_matches(word, commands, n=1)), "")


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


def _prepare(args: list[str]) -> int:
    from enctest.cli.prepare import prepare

    target, rest = args[0].partition("=")[2], args[1:]
    if rest[:1] not in ([], ["--"]) or rest == ["--"] or (target and rest) or args[0].endswith("="):
        raise EnctestError("enctest --prepare takes a file, or a command after --", USAGE)
    return prepare(target, rest[1:])


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

    file = take_option(args, "--otlp-json")
    against: Before | None = None
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
    other = args.pop() if against == "pass" and len(args) == 2 else None  # noqa: PLR2004 - a test, and the other
    if len(args) != 1 or args[0].startswith("-"):
        raise EnctestError("enctest trace takes one node id", USAGE)
    if file is not None and against is not None:
        raise EnctestError("--otlp-json writes one trace, --compare shows two", USAGE)
    return trace(args[0], against, view, file, other=other)


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


def _init(args: list[str]) -> int:
    from enctest.cli.init.command import init

    unknown = [arg for arg in args if arg not in ("--yes", "-y")]
    if unknown:
        raise EnctestError(f"enctest init does not know {unknown[0]}", USAGE)
    return init(yes=bool(args))


def _schema(args: list[str]) -> int:
    from enctest.cli.schema import text

    if args:
        raise EnctestError(f"enctest schema does not know {args[0]}", USAGE)
    print(text(), end="")
    return 0


def _completion(args: list[str]) -> int:
    from enctest.cli.completion.scripts import SCRIPTS

    if args[:1] in (["--words"], ["--line"]):
        from enctest.cli.completion.words import complete, split

        for found in complete(args[1:] if args[0] == "--words" else split("".join(args[1:]))):
            print(found)
        return 0
    if len(args) != 1 or args[0] not in SCRIPTS:
        raise EnctestError(
            "enctest completion takes one of bash, zsh and fish",
            'For example: eval "$(enctest completion bash)"',
        )
    print(SCRIPTS[args[0]], end="")
    return 0


def _db(args: list[str]) -> int:
    from enctest.cli.db import db

    test = take_option(args, "--test") or ""
    return db(args, test)
