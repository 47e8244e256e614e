"""The skeleton of a test's trace: test, setup, call and teardown, fixtures."""

from __future__ import annotations

import functools
import inspect
import os
import re
from collections.abc import Callable, Generator
from typing import Any, Final, NamedTuple

import pytest

from enctest.events import Attributes, SpanStatus
from enctest.tracing.lanes import LINKS, Lanes
from enctest.tracing.model import SHARED
from enctest.tracing.outcome import outcome, verdict
from enctest.tracing.recorder import TraceRecorder
from enctest.tracing.spans import OpenSpan, now
from enctest.tracing.values import Ready, shorten, show_named

_XUNIT = re.compile(r"_(?:xunit|unittest)_(setup\w*|setUp\w*)_fixture_")
_PHASES: Final = {name: Ready.of({"pytest.phase": name}) for name in ("setup", "call", "teardown")}
_IN_TEARDOWN: Final = {"pytest.fixture.step": "teardown"}
_CO_COROUTINE: Final = inspect.CO_COROUTINE
_MARKED_COROUTINE: Final = "_is_coroutine_marker"
"""What `inspect.markcoroutinefunction` sets, from Python 3.12 on."""
_CO_GENERATOR: Final = inspect.CO_GENERATOR | inspect.CO_ASYNC_GENERATOR


class TracingPlugin:
    """Opens and closes the spans that pytest's own steps are.

    Args:
        recorder: Where the spans go.
    """

    def __init__(self, recorder: TraceRecorder) -> None:
        self._recorder = recorder
        self._phase: OpenSpan | None = None
        self._phase_end = 0
        self._failed = False
        self._verdict: Attributes = {}
        self._lanes = Lanes(recorder)
        self._fixtures: dict[pytest.FixtureDef[Any], _Fixture] = {}

    # --- the test -------------------------------------------------------------------------------------

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Open the root span; close it at the latest when the test's protocol is over."""
        self._failed = False
        self._verdict = {}
        self._phase = None
        self._recorder.begin_test(item.nodeid, _describe(item, self._recorder))
        try:
            return (yield)
        except BaseException:  # `pytest.exit` and interrupts too: the root span must say that it broke off
            self._failed = True
            raise
        finally:
            self._end_test()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logfinish(self) -> None:
        """Close the root span before anybody tells that the test is finished."""
        self._end_test()

    def _end_test(self) -> None:
        self._end_phase("error" if self._failed else "unset")
        self._recorder.end_test("error" if self._failed else "ok", self._verdict)

    # --- its phases -------------------------------------------------------------------------------------

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Generator[None, object, object]:
        """Span of the setup, linked to the shared fixtures that are there already."""
        __tracebackhide__ = True
        self._begin_phase("setup")
        links = self._lanes.links(item)
        if links and self._phase is not None:
            self._phase.attributes = {**self._phase.attributes, LINKS: links}
        try:
            return (yield)
        finally:
            self._phase_end = now()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_call(self) -> Generator[None, object, object]:
        """Span of the call."""
        __tracebackhide__ = True
        self._begin_phase("call")
        try:
            return (yield)
        finally:
            self._phase_end = now()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_teardown(self) -> Generator[None, object, object]:
        """Span of the teardown."""
        __tracebackhide__ = True
        self._begin_phase("teardown")
        try:
            return (yield)
        finally:
            self._phase_end = now()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, call: pytest.CallInfo[Any]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Close the phase's span with what pytest finally made of it (xfail, skip, strictness)."""
        report = yield
        if self._phase is not None:
            attributes = outcome(report)
            elsewhere_ns = self._lanes.take()
            if elsewhere_ns:
                vars(report)["enctest_elsewhere"] = elsewhere_ns / 1e9
            if call.excinfo is not None and not _is_skip(call.excinfo.value):
                self._recorder.exception(call.excinfo.value, self._phase)
            if not self._failed:
                self._verdict = verdict(report, call.excinfo.value if call.excinfo else None, self._verdict)
            self._failed = self._failed or report.failed
            self._end_phase("error" if report.failed else "ok", attributes)
        return report

    def _begin_phase(self, name: str) -> None:
        self._end_phase("unset")
        self._phase = self._recorder.enter(name, "phase", _PHASES[name])
        self._phase_end = 0

    def _end_phase(self, status: SpanStatus, attributes: Attributes | None = None) -> None:
        if self._phase is not None:
            if self._recorder.unfinished:
                self._recorder.tell_unfinished()
            self._recorder.leave(self._phase, status, attributes, self._phase_end)
            self._phase = None

    # --- fixtures ---------------------------------------------------------------------------------------

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_fixture_setup(
        self, fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
    ) -> Generator[None, object, object]:
        """Span of a fixture's setup, and of its teardown if it has one."""
        __tracebackhide__ = True
        recorder = self._recorder
        if not recorder.active:
            return (yield)
        known = self._known(fixturedef)
        name: str = known.name
        attributes: Attributes = known.attributes
        if hasattr(request, "param"):
            attributes = {**attributes, "pytest.fixture.parameter": show_named(name, request.param)}
        lanes = self._lanes
        teardown = _Teardown(recorder, lanes, fixturedef, name, attributes) if known.may_end else None
        span = lanes.enter(name, attributes)
        try:
            result = yield
        except BaseException as error:
            if not _is_skip(error):
                recorder.exception(error, span)
            recorder.leave(span, "unset" if _is_skip(error) else "error")
            lanes.left(span)
            raise
        recorder.leave(span, "ok")
        lanes.left(span)
        if span is not None and attributes[SHARED]:
            lanes.made(fixturedef, span.trace.test)
        if teardown is not None:
            teardown.watch(yields=known.yields)
        return result

    def _known(self, fixture: pytest.FixtureDef[Any]) -> _Fixture:
        """Return what is the same each time a fixture is set up."""
        try:
            return self._fixtures[fixture]
        except KeyError:
            known = self._fixtures[fixture] = _describe_fixture(fixture, self._recorder)
            return known

    # --- coroutines -------------------------------------------------------------------------------------

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> Generator[None, object, object]:
        """Let a coroutine test know its span: anyio runs it in the context of an earlier test's fixture."""
        __tracebackhide__ = True
        function = pyfuncitem.obj
        if not _may_be_coroutine(function) or hasattr(function, "hypothesis"):
            return (yield)
        pyfuncitem.obj = _in_span(function, self._recorder, self._phase)
        try:
            return (yield)
        finally:
            pyfuncitem.obj = function


class _Fixture(NamedTuple):
    """A fixture: name and attributes of its span, whether it yields, whether it can have a teardown."""

    name: str
    attributes: Ready
    yields: bool
    may_end: bool


class _Teardown:
    """Notices a fixture's teardown by finalizers that run first and last of all.

    Whatever needs the fixture is torn down before both, since pytest runs finalizers last in, first out.
    """

    def __init__(
        self,
        recorder: TraceRecorder,
        lanes: Lanes,
        fixture: pytest.FixtureDef[Any],
        name: str,
        attributes: Attributes,
    ) -> None:
        self._recorder = recorder
        self._lanes = lanes
        self._fixture = fixture
        self._name = f"{name} teardown"
        self._attributes = attributes
        self._span: OpenSpan | None = None
        self._before = _finalizers(fixture)
        fixture.addfinalizer(self._end)

    def watch(self, *, yields: bool) -> None:
        """Call once the setup is done: a fixture without finalizers of its own has no teardown."""
        if yields or _finalizers(self._fixture) > self._before + 1:
            self._fixture.addfinalizer(self._begin)

    def _begin(self) -> None:
        attributes = self._attributes | _IN_TEARDOWN
        if type(self._attributes) is Ready:
            attributes = Ready(attributes)
        self._span = self._lanes.enter(self._name, attributes)

    def _end(self) -> None:
        self._recorder.leave(self._span, "ok")
        self._lanes.left(self._span)
        self._span = None


def _finalizers(fixture: pytest.FixtureDef[Any]) -> int:
    return len(getattr(fixture, "_finalizers", ()))


def _in_span(
    function: Callable[..., Any], recorder: TraceRecorder, span: OpenSpan | None
) -> Callable[..., Any]:
    @functools.wraps(function)
    async def test(*args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        recorder.resume(span)
        return await function(*args, **kwargs)

    return test


def _may_be_coroutine(function: Any) -> bool:
    """Tell what `inspect.iscoroutinefunction` does, quickly for a plain function, which most tests are."""
    code = getattr(function, "__code__", None)
    if code is not None and not code.co_flags & _CO_COROUTINE and not hasattr(function, _MARKED_COROUTINE):
        return False
    return inspect.iscoroutinefunction(function)


def _describe(item: pytest.Item, recorder: TraceRecorder) -> Ready:
    """Return the attributes of a test's root span."""
    path, line, name = item.location  # computed once, unlike `reportinfo()`
    # What names the test is shown everywhere: nothing in it is secret.
    attributes = Ready(
        {
            "pytest.nodeid": shorten(item.nodeid),
            "test.case.name": shorten(name),
            "code.file.path": recorder.frames.shown(os.path.join(item.config.rootpath, path)),
            "code.line.number": (line or 0) + 1,
        }
    )
    function = getattr(item, "function", None)
    if function is not None:
        attributes["code.function.name"] = f"{function.__module__}.{function.__qualname__}"
    markers = list(dict.fromkeys(mark.name for node in item.listchain() for mark in node.own_markers))
    if markers:
        attributes["pytest.markers"] = markers
    callspec = getattr(item, "callspec", None)
    if callspec is not None:
        parameters = [f"{key}={show_named(key, value)}" for key, value in callspec.params.items()]
        attributes |= Ready.of({"pytest.parameters": parameters})
    return attributes


def _describe_fixture(fixture: pytest.FixtureDef[Any], recorder: TraceRecorder) -> _Fixture:
    """Look at a fixture: it can have a teardown if it yields, or has a request to add finalizers to."""
    xunit = _XUNIT.match(fixture.argname)
    name = xunit[1] if xunit else fixture.argname
    attributes: Attributes = {
        "pytest.fixture.name": name,
        "pytest.fixture.scope": fixture.scope,
        SHARED: fixture.scope != "function",
        "pytest.fixture.step": "setup",
    }
    code = getattr(inspect.unwrap(fixture.func), "__code__", None)
    if code is not None:
        attributes["code.file.path"] = recorder.frames.shown(code.co_filename)
        attributes["code.line.number"] = code.co_firstlineno
    own = getattr(fixture.func, "__code__", None)
    yields = own is not None and bool(own.co_flags & _CO_GENERATOR)
    may_end = yields or own is None or "request" in fixture.argnames
    return _Fixture(name, Ready.of(attributes), yields, may_end)


def _is_skip(error: BaseException) -> bool:
    return isinstance(error, pytest.skip.Exception)
