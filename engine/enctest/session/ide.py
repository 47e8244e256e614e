"""Waiting for an IDE through debugpy: a run of its own that stops where its test fails, or one that hangs.

debugpy belongs to the project under test and is imported on request only. It listens on loopback.
"""

from __future__ import annotations

import contextlib
import inspect
import os
import sys
import threading
from collections.abc import Iterator, Sequence
from importlib import import_module
from types import CodeType, FunctionType

import pytest

from enctest.session.forking import die_with_parent

USUAL_PORT = 5678
"""What debugpy's users have in their settings; another one if it is taken."""
HOST = "127.0.0.1"
TOLD = "enctest: debugpy listens on port "
"""What the line begins with that says where."""
NOT_INSTALLED = "debugpy is not installed in its environment: pip install debugpy"
FIRST_LINE = "--first-line"
"""Before pytest's arguments: the test's first line is a place to stop, too."""
_QUIET = "PYDEVD_DISABLE_FILE_VALIDATION"
_OURS = 5678_0001
"""The breakpoint's number; editors count theirs from 0."""


_port = 0
"""Where this process listens already."""


def listen() -> tuple[int, str]:
    """Let IDEs attach to this process; returns the port, or 0 and why not."""
    global _port
    if not _port:
        _port, problem = _listen()
        return _port, problem
    return _port, ""


def _listen() -> tuple[int, str]:
    with _quiet():
        try:
            debugpy = import_module("debugpy")
        except ImportError:
            return 0, NOT_INSTALLED
        problem = ""
        for port in (USUAL_PORT, 0):
            try:
                return int(debugpy.listen((HOST, port))[1]), ""
            except (RuntimeError, OSError) as error:  # taken; or the project listens itself
                problem = str(error)
        return 0, problem


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep pydevd from warning of modules that are part of Python's binary."""
    former = os.environ.get(_QUIET)
    os.environ[_QUIET] = "1"
    try:
        yield
    finally:
        if former is None:
            del os.environ[_QUIET]
        else:
            os.environ[_QUIET] = former


class PostMortem:
    """Has the debugger stop where a test failed."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_exception_interact(self, call: pytest.CallInfo[None]) -> None:
        """Show the debugger the exception that pytest has caught."""
        if call.excinfo is None:
            return
        show = getattr(import_module("debugpy"), "trigger_exception_handler", _show)
        show(call.excinfo.value, as_uncaught=False)


def _show(error: BaseException, *, as_uncaught: bool) -> None:
    """Do what debugpy's own function does, in versions without it: only where uncaught exceptions count."""
    del as_uncaught
    debugger = import_module("pydevd").get_global_debugger()
    if debugger is None:
        return
    thread = threading.current_thread()
    info = debugger.set_additional_thread_info(thread)
    info.is_tracing += 1
    try:
        debugger.stop_on_unhandled_exception(
            debugger, thread, info, (type(error), error, error.__traceback__)
        )
    finally:
        info.is_tracing -= 1


class FirstLine:
    """Has the debugger stop once each test's fixtures are set up, at the first line of its function."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_call(self, item: pytest.Item) -> None:
        """Set a breakpoint that counts once; what is no function (a doctest) has none."""
        called = getattr(item, "obj", None)
        if callable(called):
            function = inspect.unwrap(getattr(called, "__func__", called))
            if isinstance(function, FunctionType):
                _break_at(function.__code__)


def _break_at(code: CodeType) -> None:
    """Ask pydevd as it is asked by its own protocol; debugpy has no public function for it."""
    debugger = import_module("pydevd").get_global_debugger()
    import_module("_pydevd_bundle.pydevd_api").PyDevdAPI().add_breakpoint(
        debugger,
        code.co_filename,
        "python-line",
        _OURS,
        first_line(code),
        condition=None,
        func_name="None",
        expression=None,
        suspend_policy="ALL",
        hit_condition="@HIT@ == 1",
        is_logpoint=False,
    )


def first_line(code: CodeType) -> int:
    """Return the number of the first line of a function's body, a docstring not counted."""
    lines = [line for _, _, line in code.co_lines() if line is not None]
    return next((line for line in lines if line > code.co_firstlineno), code.co_firstlineno)


def main(args: Sequence[str]) -> None:
    """Wait for an IDE, then run pytest. How it ended is no exit code: an IDE would stop at that, too."""
    die_with_parent(os.getppid())
    plugins: list[object] = [PostMortem()]
    if args[:1] == [FIRST_LINE]:
        plugins.append(FirstLine())
        args = args[1:]
    port, problem = listen()
    if not port:
        print(problem, flush=True)
        return
    print(f"{TOLD}{port}", flush=True)
    import_module("debugpy").wait_for_client()
    sys.argv = ["pytest", *args]
    pytest.main(list(args), plugins=plugins)


if __name__ == "__main__":
    main(sys.argv[1:])
