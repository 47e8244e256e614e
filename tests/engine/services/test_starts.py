"""A shared start in the trace: a span of its own beside the test, linked, and not in the test's time."""

from __future__ import annotations

from typing import Any

import pytest
from tests.engine.services.conftest import MakeProject
from tests.harness import Sample

FILES = {
    "pyproject.toml": '[tool.pytest.ini_options]\npythonpath = ["."]\naddopts = ["-p", "no:randomly"]\n',
    "shop.py": """
        import sqlite3
        from enctest import Service, api

        class Rates(Service):
            def start(self):
                sqlite3.connect(":memory:").execute("SELECT 'a rate'")

            @api
            def rate(self) -> int:
                return 1

        class Orders(Service):
            def start(self):
                Rates.rate()

            @api
            def place(self) -> int:
                return Rates.rate()
        """,
    "test_it.py": """
        from enctest import et
        from shop import Orders, Rates

        def test_first():
            Orders.place()
            assert et.spans().names == ["Orders.place", "Rates.rate"]

        def test_second():
            twice = 1
            Orders.place()
            assert et.spans().names == ["Orders.place", "Rates.rate"]

        def test_isolated():
            et.enable_service_instance_isolation()
            Rates.rate()
            assert et.spans().named("start Rates").under("Rates.rate").count == 1
            assert et.spans().named("SELECT*").under("start Rates").count == 1
        """,
}


@pytest.fixture
def sample(project: MakeProject) -> Sample:
    return project(FILES)


def spans_of(events: list[dict[str, Any]], test: str) -> dict[str, dict[str, Any]]:
    """Return the spans of a test by name, start and end in one; of equal names the first."""
    found: dict[int, dict[str, Any]] = {}
    for event in events:
        if event.get("test") == f"test_it.py::{test}" and event["type"] == "span_started":
            found[event["span"]] = {**event, "attributes": event.get("attributes", {})}
        elif event.get("test") == f"test_it.py::{test}" and event["type"] == "span_ended":
            attributes = found[event["span"]]["attributes"] | event.get("attributes", {})
            found[event["span"]] |= {**event, "attributes": attributes}
    return {span["name"]: span for span in reversed(found.values())}


def taken(span: dict[str, Any]) -> int:
    return int(span["end_ns"] - span["start_ns"])


def test_it_is_beside_the_test_and_not_in_its_time(sample: Sample) -> None:
    with sample.watch("-p", "no:django") as watch:  # whose shared fixtures are beside the test as well
        assert set(watch.outcomes().values()) == {"passed"}
        spans = spans_of(watch.events(), "test_first")
    root, call, place = (spans[name] for name in ("test_it.py::test_first", "call", "Orders.place"))
    orders, rates = spans["start Orders"], spans["start Rates"]
    assert orders.get("parent") is rates.get("parent") is None
    assert orders["attributes"]["enctest.caused_by"] == place["span"]
    # The second is needed by the first: what is below that is its own.
    inner = spans["Rates.rate"]
    assert inner["parent"] == orders["span"]
    assert rates["attributes"]["enctest.caused_by"] == inner["span"]
    assert spans["SELECT"]["parent"] == rates["span"]
    for span in (root, call, place):
        assert span["attributes"]["enctest.elsewhere_ns"] == taken(orders)
        assert span["duration_ms"] == pytest.approx((taken(span) - taken(orders)) / 1e6)
    for span in (orders, inner):
        assert span["attributes"]["enctest.elsewhere_ns"] == taken(rates)


def test_it_is_shown_as_not_counted_and_is_no_difference(sample: Sample) -> None:
    with sample.watch() as watch:
        watch.idle()
        shown = sample.enctest("trace", "test_it.py::test_first").stdout
        (line,) = [line for line in shown.splitlines() if line.startswith("start Orders")]
        assert line.endswith("not counted")
        assert "not counted" not in sample.enctest("trace", "test_it.py::test_isolated").stdout
        # Run alone, the second test is the one that needs the services first.
        watch.edit("test_it.py", "twice = 1", "twice = 2")
        assert "\nstart Orders" in sample.enctest("trace", "test_it.py::test_second").stdout
        compared = sample.enctest("trace", "test_it.py::test_second", "--compare", "previous").stdout
        assert "compared with the run before" in compared
        assert "start Orders" not in compared
