"""What a test prints, warns of and fails with."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.engine.tracing.conftest import Inner


def test_printed_lines_are_events_of_the_span_they_were_printed_in(inner: Inner) -> None:
    result = inner.run(
        """
        import logging, sys
        import pytest

        @pytest.fixture
        def noisy():
            print("made")
            yield
            print("gone")

        def test_a(noisy, capsys):
            print("one", 2)
            print("password=hush", file=sys.stderr)
            sys.stdout.write("several\\nlines, the last ")
            sys.stdout.write("unfinished")
            handler = logging.StreamHandler(sys.stderr)
            logging.getLogger("shop").addHandler(handler)
            logging.getLogger("shop").warning("told once")
            out, err = capsys.readouterr()
            assert out == "one 2\\nseveral\\nlines, the last unfinished"
            assert err == "password=hush\\ntold once\\n"
        """
    )
    printed = [
        (node.name, note.attributes["output.stream"], note.attributes["output.text"])
        for node in result.trace.nodes.values()
        for note in node.events
        if note.name == "output"
    ]
    assert printed == [
        ("noisy", "stdout", "made"),
        ("call", "stdout", "one 2"),
        ("call", "stderr", "password=[redacted]"),
        ("call", "stdout", "several"),
        ("call", "stdout", "lines, the last unfinished"),
        ("noisy teardown", "stdout", "gone"),
    ]
    logs = [note for note in result.find("call").events if note.name == "log"]
    assert [note.attributes["log.message"] for note in logs] == ["told once"]


def test_output_of_a_test_ends_with_it(inner: Inner) -> None:
    result = inner.run(
        """
        def test_a(): print("begun", end="")
        def test_b(): print("next")
        """,
        "--capture=sys",
    )
    texts = [
        [note.attributes["output.text"] for node in trace.nodes.values() for note in node.events]
        for trace in result.traces.values()
    ]
    assert texts == [["begun"], ["next"]]


def test_warnings_are_events_whoever_catches_them(inner: Inner) -> None:
    result = inner.run(
        """
        import warnings
        import pytest

        def test_a():
            with pytest.warns(UserWarning, match="old"):
                warnings.warn("old", UserWarning)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                warnings.warn("nobody hears of it")
            with pytest.raises(DeprecationWarning):
                warnings.warn("an error here", DeprecationWarning)
        """
    )
    (note,) = result.find("call").events
    assert (note.name, note.attributes) == (
        "warning",
        {
            "warning.category": "UserWarning",
            "warning.message": "old",
            "code.file.path": "test_it.py",
            "code.line.number": 7,
        },
    )


def test_a_failure_has_its_variables_and_the_root_says_what_failed(inner: Inner) -> None:
    result = inner.run(
        """
        class Order:
            def __init__(self): self.paid = False
            def __repr__(self): raise RuntimeError("never to be called")

        def check(total, password):
            order = Order()
            assert {"total": total, "paid": order.paid} == {"total": 3, "paid": True}

        def test_a():
            numbers = [1, 2]
            check(sum(numbers), "hush")
        """,
        code=1,
    )
    (note,) = result.find("call").events
    assert note.attributes["exception.locals"] == [
        "test_it.py:12 test_a: numbers = [1, 2]",
        "test_it.py:8 check: total = 3",
        "test_it.py:8 check: password = [redacted]",
        "test_it.py:8 check: order = <Order>",
    ]
    root = result.trace.root
    assert root is not None
    assert root.attributes["test.case.result.status"] == "fail"
    assert root.attributes["error.type"] == "AssertionError"
    first = root.attributes["pytest.failure"].splitlines()[0]
    assert first.removeprefix("AssertionError: ") == (
        "assert {'total': 3, 'paid': False} == {'total': 3, 'paid': True}"
    )
    assert "Differing items:" in root.attributes["pytest.failure"]
    assert "{'paid': False} != {'paid': True}" in root.attributes["pytest.failure"]


def test_a_test_that_passes_says_so(inner: Inner) -> None:
    result = inner.run("def test_a(): pass")
    root = result.trace.root
    assert root is not None
    assert root.attributes["test.case.result.status"] == "pass"
    assert root.attributes["pytest.outcome"] == "passed"
    assert "pytest.failure" not in root.attributes
