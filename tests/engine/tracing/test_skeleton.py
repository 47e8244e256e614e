"""The spans that pytest's own steps are."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.engine.tracing.conftest import Inner


def shape(inner: Inner, test: str, **options: int) -> list[str]:
    result = inner.run(test, **options)
    return [f"{'  ' * depth}{node.name}" for depth, node in result.trace.rows()]


def test_fixtures_hang_under_their_phase_and_shared_ones_beside_the_test(inner: Inner) -> None:
    found = shape(
        inner,
        """
        import pytest

        @pytest.fixture(scope="session")
        def s():
            yield 1

        @pytest.fixture(scope="module")
        def m(s):
            return s

        @pytest.fixture
        def f(m):
            yield m

        @pytest.fixture
        def g(request):
            request.addfinalizer(lambda: None)

        def test_a(f, g):
            pass
        """,
    )
    assert found == [
        "test_it.py::test_a",
        "  setup",
        "    f",
        "    g",
        "  call",
        "  teardown",
        "    g teardown",
        "    f teardown",
        "s",
        "m",
        "s teardown",
    ]


def test_the_time_of_a_shared_fixture_is_not_the_first_tests(inner: Inner) -> None:
    result = inner.run(
        """
        import time
        import pytest

        @pytest.fixture(scope="module")
        def outer(request):
            time.sleep(0.05)
            assert request.getfixturevalue("inner")
            return 1

        @pytest.fixture(scope="session")
        def inner():
            time.sleep(0.05)
            return 1

        @pytest.fixture
        def own(outer):
            time.sleep(0.01)

        def test_a(own): pass
        def test_b(own): pass
        """
    )
    first, second = result.traces.values()
    assert [(depth, node.name) for depth, node in first.rows()] == [
        (0, "test_it.py::test_a"),
        (1, "setup"),
        (2, "own"),
        (1, "call"),
        (1, "teardown"),
        (0, "outer"),
        (1, "inner"),
    ]
    setup, own, outer = (
        next(node for node in first.nodes.values() if node.name == name) for name in ("setup", "own", "outer")
    )
    assert setup.attributes["enctest.elsewhere_ns"] == outer.duration_ns() >= 100_000_000
    root = first.root
    assert root is not None
    assert root.attributes["enctest.elsewhere_ns"] == outer.duration_ns()
    assert setup.self_ns() <= setup.duration_ns() - own.duration_ns()
    (setup,) = [node for node in second.nodes.values() if node.name == "setup"]
    assert setup.attributes["pytest.fixtures.shared"] == ["outer: test_it.py::test_a"]
    assert "enctest.elsewhere_ns" not in setup.attributes


def test_a_shared_fixture_is_marked_and_shown_once(inner: Inner) -> None:
    result = inner.run(
        """
        import pytest

        @pytest.fixture(scope="module", params=["x"])
        def m(request):
            yield request.param

        def test_a(m): pass
        def test_b(m): pass
        """
    )
    first, second = result.traces.values()
    names = [[node.name for _, node in trace.rows()] for trace in (first, second)]
    assert names[0][1:] == ["setup", "call", "teardown", "m"]
    assert names[1][1:] == ["setup", "call", "teardown", "m teardown"]
    (setup,) = [node for node in first.nodes.values() if node.name == "m"]
    assert setup.attributes["pytest.fixture.scope"] == "module"
    assert setup.attributes["pytest.fixture.shared"] is True
    assert setup.attributes["pytest.fixture.parameter"] == "'x'"
    assert setup.attributes["code.file.path"] == "test_it.py"


def test_the_root_says_what_the_test_is(inner: Inner) -> None:
    result = inner.run(
        """
        import pytest

        @pytest.mark.skipif(False, reason="no")
        @pytest.mark.parametrize("word, password", [("a", "hush")])
        def test_a(word, password):
            pass
        """
    )
    root = result.trace.root
    assert root is not None
    assert (root.span, root.kind, root.status) == (1, "test", "ok")
    assert root.attributes["pytest.nodeid"] == "test_it.py::test_a[a-hush]"
    assert (root.attributes["code.file.path"], root.attributes["code.line.number"]) == ("test_it.py", 4)
    assert root.attributes["code.function.name"] == "test_it.test_a"
    assert root.attributes["pytest.markers"] == ["parametrize", "skipif"]
    assert root.attributes["pytest.parameters"] == ["word='a'", "password=[redacted]"]


def test_a_failure_is_an_event_with_the_projects_frames(inner: Inner) -> None:
    inner.write("shop.py", "def price(x):\n    return 1 / x\n")
    result = inner.run("import json, shop\n\ndef test_a():\n    shop.price(0)\n", code=1)
    call = result.find("call")
    (event,) = call.events
    assert event.attributes["exception.type"] == "ZeroDivisionError"
    assert event.attributes["exception.message"] == "division by zero"
    assert event.attributes["exception.stack"] == ["test_it.py:4 test_a", "shop.py:2 price"]
    assert (call.status, result.find("setup").status) == ("error", "ok")
    assert result.trace.root is not None
    assert result.trace.root.status == "error"


def test_a_failing_fixture_is_red_and_its_test_too(inner: Inner) -> None:
    result = inner.run(
        """
        import pytest

        @pytest.fixture
        def broken():
            raise LookupError("gone")

        def test_a(broken): pass
        """,
        code=1,
    )
    assert result.names()[1:] == ["setup", "broken", "teardown"]
    assert [result.find(name).status for name in ("broken", "setup", "teardown")] == ["error", "error", "ok"]
    assert result.find("broken").events[0].attributes["exception.message"] == "gone"


def test_skips_and_expected_failures_are_no_errors(inner: Inner) -> None:
    result = inner.run(
        """
        import pytest

        def test_skip(): pytest.skip("later")

        @pytest.mark.skip(reason="never")
        def test_mark(): pass

        @pytest.mark.xfail(reason="known")
        def test_xfail(): assert 0

        @pytest.mark.xfail(reason="strange")
        def test_xpass(): pass

        @pytest.mark.xfail(strict=True)
        def test_strict(): pass
        """,
        code=1,
    )
    found = {}
    for test, trace in result.traces.items():
        assert trace.root is not None
        phase = [node for node in trace.nodes.values() if node.kind == "phase"]
        reason = [node.attributes["pytest.reason"] for node in phase if "pytest.reason" in node.attributes]
        assert trace.root.attributes.get("pytest.reason", "") in [*reason, ""]
        found[test.partition("::")[2]] = (trace.root.status, reason)
    assert found == {
        "test_skip": ("ok", ["Skipped: later"]),
        "test_mark": ("ok", ["Skipped: never"]),
        "test_xfail": ("ok", ["known"]),
        "test_xpass": ("ok", ["strange"]),
        "test_strict": ("error", []),
    }


def test_unittest_and_xunit_setups_have_spans(inner: Inner) -> None:
    result = inner.run(
        """
        import unittest

        class TestOld(unittest.TestCase):
            @classmethod
            def setUpClass(cls): pass
            def test_a(self): self.assertTrue(True)

        class TestNew:
            def setup_method(self): pass
            def teardown_method(self): pass
            def test_b(self): pass
        """
    )
    old, new = result.traces.values()
    assert [node.name for _, node in old.rows()][1:] == [
        "setup",
        "call",
        "teardown",
        "setUpClass",
        "setUpClass teardown",
    ]
    assert [node.name for _, node in new.rows()][1:] == [
        "setup",
        "setup_method",
        "call",
        "teardown",
        "setup_method teardown",
    ]


def test_a_hanging_test_shows_where_it_hangs(inner: Inner) -> None:
    inner.write(
        "test_it.py",
        """
        import subprocess

        def test_a():
            subprocess.run(["sleep", "1000"])
        """,
    )
    process = inner.start()
    try:
        started = inner.wait_for(lambda: [r for r in inner.records() if getattr(r, "name", "") == "sleep"])
        assert started[0].attributes["process.command_args"] == ["sleep", "1000"]
        assert started[0].attributes["code.line.number"] == 5
        ended = [record.span for record in inner.records() if hasattr(record, "end_ns")]
        assert started[0].span not in ended
    finally:
        inner.kill(process)


def test_the_assertion_report_is_that_of_plain_pytest(inner: Inner) -> None:
    """No frame of the capture shows in a failure of a fixture or a coroutine."""
    result = inner.run(
        """
        import pytest

        @pytest.fixture
        def broken():
            raise LookupError("gone")

        def test_a(broken): pass

        @pytest.mark.anyio
        async def test_b(): assert 0
        """,
        "-p",
        "anyio",
        code=1,
    )
    assert "enctest" not in result.output
