"""Tells services which test runs: scopes, markers, and what has to end with a test."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Generator
from typing import Any, Final

import pytest

from enctest.services import coroutines, follow, handover, lifecycle, nobodys_time, spans
from enctest.services.errors import MisusedError
from enctest.services.scope import CURRENT, ROOT, Kind, Scope, ask_when_unknown

MARKERS: Final = (
    "as_user",
    "enable_service_instance_isolation",
    "mock_endpoint",
    "mock_service",
    "set_config",
)
"""Markers that call the helper of their name (`as_user` calls `override_auth`)."""
_HELPERS: Final = "enctest.et"


class ServicesPlugin:
    """One session's scopes.

    Args:
        config: The session's.
    """

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._scopes: dict[pytest.Session | pytest.Item | pytest.Collector, Scope] = {}
        self._running: Scope | None = None
        self._capture: Any = None
        self._limit = float(config.getini("enctest_wait_seconds"))
        self._tied: set[pytest.Session | pytest.Item | pytest.Collector] = set()
        self._errors: list[BaseException] = []
        self._tree: list[str] = []
        ask_when_unknown(lambda: self._running)
        config.pluginmanager.register(_Markers(self._heed_markers), "enctest-services-markers")
        follow.install()

    # --- the test ---

    def begin(self, item: pytest.Item, *, late: bool = False) -> None:
        """A test begins, in this context; `late` if it began some time ago."""
        self._running = self._scope(item)
        CURRENT.set(self._running)
        if _HELPERS in sys.modules:
            self._keep_spans(item)
            if late:
                spans.RECORDER.kept_whole = False

    def end(self) -> None:
        """It is over."""
        CURRENT.set(None)
        self._running = None

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Generator[None, object, object]:
        """A test begins; one that is run again begins anew. Then mark where its scopes end."""
        __tracebackhide__ = True
        self.begin(item)
        result = yield
        self._tie(item)
        return result

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> Generator[None, object, object]:
        """End the test's scope."""
        __tracebackhide__ = True
        scope = self._scope(item)
        errors: list[BaseException] = [*lifecycle.close_own(scope, in_loops=True)]
        failed: BaseException | None = None
        try:
            result = yield
        except BaseException as raised:  # noqa: BLE001 - raised again below
            failed, result = raised, None
        errors += lifecycle.close_own(scope)
        errors += self._leftovers(item, scope)
        _take_in(scope)
        errors += self._end(item)
        _raise([failed, *errors] if failed is not None else errors)
        return result

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Leave out the time that shared services took to start; show the spans that were not as expected."""
        report = yield
        if report.failed and self._tree:
            report.sections.append(("Spans", "\n".join(self._tree)))
        self._tree = []
        report.duration = max(0.0, report.duration - nobodys_time.take())
        return report

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_fixture_setup(
        self, fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
    ) -> Generator[None, object, object]:
        """What a fixture sets holds as long as the fixture does."""
        __tracebackhide__ = True
        scope = self._scope(request.node)
        self._tie(request.node)
        function: Any = fixturedef.func
        changed: Any = fixturedef
        changed.func = coroutines.fixture_in(scope, function)
        before, running = CURRENT.get(), self._running
        CURRENT.set(scope)
        self._running = scope
        try:
            return (yield)
        finally:
            changed.func = function
            CURRENT.set(before)
            self._running = running

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, object, object]:
        """Let the coroutines of a `unittest` case know their test; then take in what its processes told."""
        __tracebackhide__ = True
        scope = self._scope(item)
        coroutines.enter_case(scope, getattr(item, "instance", None))
        try:
            return (yield)
        finally:
            _take_in(scope)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> Generator[None, object, object]:
        """Let a coroutine test know its scope: it may run in the context of an earlier test's fixture."""
        __tracebackhide__ = True
        function = pyfuncitem.obj
        if not inspect.iscoroutinefunction(function) or hasattr(function, "hypothesis"):
            return (yield)
        pyfuncitem.obj = coroutines.test_in(self._scope(pyfuncitem), function)
        try:
            return (yield)
        finally:
            pyfuncitem.obj = function

    def pytest_assertrepr_compare(self, op: str, left: object, right: object) -> list[str] | None:
        """Say which spans were counted; the tree comes in a section of its own, which pytest does not cut."""
        trees = sys.modules.get("enctest.services.trees")
        found: list[str] | None = trees.explanation(left, op, right) if trees is not None else None
        if found is None:
            return None
        self._tree = found[2:]
        return found[:2]

    # --- the session ---

    @pytest.hookimpl(wrapper=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None, object, object]:
        """Close what is still open; say so if that fails."""
        try:
            return (yield)
        finally:
            nodes = sorted(self._scopes, key=lambda node: len(node.listchain()), reverse=True)
            errors = [error for node in (*nodes, session) for error in self._end(node)]
            if errors and session.exitstatus == pytest.ExitCode.OK:
                session.exitstatus = pytest.ExitCode.TESTS_FAILED
            self._errors = errors

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Tell what failed when services were closed."""
        for error in self._errors:
            terminalreporter.section("service could not be closed", red=True)
            terminalreporter.line(f"{type(error).__name__}: {error}")

    def pytest_unconfigure(self) -> None:
        """Leave everything as it was."""
        follow.uninstall()
        if self._capture is not None:
            self._capture.disarm()
        handover.remove()

    # --- inside ---

    def _scope(self, node: Any) -> Scope:
        found = self._scopes.get(node)
        if found is None:
            parent = self._parent(node)
            kind = _kind(node)
            name = "" if kind == "session" else node.nodeid
            found = self._scopes[node] = Scope(kind, name, parent)
            if parent is None:
                found.own[ROOT] = str(self._config.rootpath)
        return found

    def _parent(self, node: Any) -> Scope | None:
        above = node.parent
        while above is not None and _kind(above) == "other":
            above = above.parent
        return None if above is None else self._scope(above)

    def _heed_markers(self, item: pytest.Item) -> None:
        for node in item.listchain():
            marks = [mark for mark in getattr(node, "own_markers", ()) if mark.name in MARKERS]
            if not marks:
                continue
            scope = self._scope(node)
            if scope.own.get("marked"):
                continue
            token = CURRENT.set(scope)
            try:
                for mark in reversed(marks):  # the one next to the function comes first there, and counts
                    _heed(mark)
                scope.own["marked"] = True
            finally:
                CURRENT.reset(token)

    def _leftovers(self, item: pytest.Item, scope: Scope) -> list[BaseException]:
        found = follow.leftovers(scope, self._limit)
        if not found:
            return []
        message = (
            f"{item.nodeid} has ended, and left behind what it began: {'; '.join(found)}.\n"
            f"Wait for it in the test (join, result, await); we waited up to {self._limit:g} s "
            "(`enctest_wait_seconds` in pytest's configuration)."
        )
        return [pytest.fail.Exception(message, pytrace=False)]

    def _tie(self, inner: Any) -> None:
        """Let wider scopes end when pytest is done with their nodes: which test comes next, only it knows."""
        for node in inner.listchain():
            if node in self._scopes and node not in self._tied and not isinstance(node, pytest.Item):
                self._tied.add(node)
                node.addfinalizer(functools.partial(self._over, node))

    def _over(self, node: Any) -> None:
        self._tied.discard(node)
        _raise(self._end(node))

    def _end(self, node: Any) -> list[BaseException]:
        """End a scope; with the session, what is shared."""
        scope = self._scopes.pop(node, None)
        errors: list[BaseException] = [] if scope is None else [*scope.end()]
        if isinstance(node, pytest.Session):
            try:
                lifecycle.close_services()
            except Exception as error:  # noqa: BLE001 - the application's own code; told by the caller
                errors.append(error)
        return errors

    def _keep_spans(self, item: pytest.Item) -> None:
        """Keep spans for tests to look at; record them first where nobody does."""
        if not hasattr(spans.RECORDER, "keep"):
            from enctest import config
            from enctest.tracing import redaction
            from enctest.tracing.capture import Capture

            redaction.configure(config.load(self._config.rootpath).redact)
            self._capture = Capture(0, _drop, self._config.rootpath, ambient=False)  # nobody shows more
            follow.uninstall()  # it looks from outside of the hooks that make spans
            self._capture.arm(self._config)
            follow.install()
        if not spans.RECORDER.active:
            spans.RECORDER.begin_test(item.nodeid)
        spans.RECORDER.keep()


def _take_in(scope: Scope) -> None:
    for one in scope.up():
        one.take_in()


class _Markers:
    """Does what markers say, within all that stands around a setup: it may fail."""

    def __init__(self, heed: Callable[[pytest.Item], None]) -> None:
        self._heed = heed

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Before the first fixture."""
        __tracebackhide__ = True
        self._heed(item)


def _raise(errors: list[BaseException]) -> None:
    """Raise the first error, if there is one; the others become notes."""
    if errors:
        for error in errors[1:]:
            errors[0].add_note(f"and: {error}")
        raise errors[0]


def _drop(_item: object) -> None:
    """Records go nowhere: the test itself looks at its spans."""


def _kind(node: Any) -> Kind | Any:
    if isinstance(node, pytest.Session):
        return "session"
    if isinstance(node, pytest.Package):
        return "package"
    if isinstance(node, pytest.Item):
        return "test"
    if isinstance(node, pytest.Class):
        return "class"
    return "module" if isinstance(node, pytest.File) else "other"


def _heed(mark: pytest.Mark) -> None:
    """Call the helper that a marker stands for.

    Raises:
        MisusedError: The marker's arguments do not fit.
    """
    from enctest import et

    helper: Callable[..., None] = getattr(et, "override_auth" if mark.name == "as_user" else mark.name)
    signature = inspect.signature(helper)
    try:
        signature.bind(*mark.args, **mark.kwargs)
    except TypeError as error:
        plain = [parameter.replace(annotation=parameter.empty) for parameter in signature.parameters.values()]
        raise MisusedError(
            f"the marker {mark.name} does not fit: {error}",
            f"It is `@pytest.mark.{mark.name}{inspect.Signature(plain)}`.",
        ) from None
    helper(*mark.args, **mark.kwargs)
