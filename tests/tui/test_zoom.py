"""Which part of a trace's time is shown, what children cover, and the picture of all of it."""

from __future__ import annotations

import pytest
from tests.tui.stage import START, Clock
from tests.tui.traces import span

from enctest_tui.bars import Axis
from enctest_tui.minimap import Minimap
from enctest_tui.selftime import OwnTime
from enctest_tui.spans import Trace
from enctest_tui.widgets.span_line import gaps
from enctest_tui.widgets.time_axis import moment, scale
from enctest_tui.zoom import SHORTEST_NS, Zoom

BOUNDS = (1_000_000, 101_000_000)
"""A hundred milliseconds."""
MS = 1_000_000


def test_a_span_that_is_fitted_fills_the_axis_and_once_more_goes_back() -> None:
    zoom = Zoom()
    assert zoom.shown(BOUNDS) == BOUNDS
    zoom.fit(41 * MS, 51 * MS, BOUNDS)
    assert zoom.shown(BOUNDS) == (40_600_000, 51_400_000)
    zoom.fit(45 * MS, 46 * MS, BOUNDS)
    assert zoom.shown(BOUNDS) == (44_960_000, 46_040_000)
    zoom.fit(45 * MS, 46 * MS, BOUNDS)
    assert zoom.shown(BOUNDS) == (40_600_000, 51_400_000)
    zoom.fit(41 * MS, 51 * MS, BOUNDS)
    assert zoom.chosen is None


def test_after_a_move_a_fitted_span_is_fitted_again() -> None:
    zoom = Zoom()
    zoom.fit(41 * MS, 51 * MS, BOUNDS)
    zoom.pan(0.25, BOUNDS)
    assert zoom.shown(BOUNDS) == (43_300_000, 54_100_000)
    zoom.fit(41 * MS, 51 * MS, BOUNDS)
    assert zoom.shown(BOUNDS) == (40_600_000, 51_400_000)


def test_the_moment_under_the_pointer_stays_where_it_is() -> None:
    zoom = Zoom()
    zoom.magnify(2, 26 * MS, BOUNDS)
    assert zoom.shown(BOUNDS) == (13_500_000, 63_500_000)
    zoom.magnify(0.5, 26 * MS, BOUNDS)
    assert zoom.chosen is None


def test_no_zoom_leaves_the_trace_or_goes_below_a_microsecond() -> None:
    zoom = Zoom()
    for _ in range(60):
        zoom.magnify(2, 1_000_000, BOUNDS)
    start, end = zoom.shown(BOUNDS)
    assert (start, end - start) == (1_000_000, SHORTEST_NS)
    zoom.pan(-5, BOUNDS)
    assert zoom.shown(BOUNDS)[0] == 1_000_000
    zoom.pan(10**6, BOUNDS)
    assert zoom.shown(BOUNDS)[1] == 101_000_000
    zoom.fit(1_000_000, 101_000_000, BOUNDS)
    assert zoom.chosen is None


def test_a_span_elsewhere_is_brought_into_what_is_shown() -> None:
    zoom = Zoom()
    zoom.reveal(1, 2, BOUNDS)
    assert zoom.chosen is None
    zoom.fit(41 * MS, 51 * MS, BOUNDS)
    zoom.reveal(42 * MS, 43 * MS, BOUNDS)
    assert zoom.shown(BOUNDS) == (40_600_000, 51_400_000)
    zoom.reveal(90 * MS, 91 * MS, BOUNDS)
    start, end = zoom.shown(BOUNDS)
    assert start <= 90 * MS < end
    assert end - start == 10_800_000


# --- own time ---------------------------------------------------------------------------------------------


def trace_of(*children: tuple[float, float | None]) -> Trace:
    trace = Trace(Clock(START + 100 * MS))
    spans = [span(2 + at, 1, "internal", "child", *times) for at, times in enumerate(children)]
    is_live = any(end is None for _, end in children)
    trace.load(1, [span(1, None, "test", "t", 0, None if is_live else 100), *spans], live=is_live)
    return trace


@pytest.mark.parametrize(
    ("children", "own"),
    [
        ((), 100),
        (((0, 100),), 0),
        (((10, 20), (20, 30)), 80),
        (((10, 30), (20, 40)), 70),
        (((10, 90), (20, 30)), 20),
        (((90, 130),), 90),
        (((60, None), (10, 20)), 50),
    ],
)
def test_own_time_is_what_no_child_covers(
    children: tuple[tuple[float, float | None], ...], own: float
) -> None:
    trace = trace_of(*children)
    assert OwnTime(trace).ms(trace.spans[1]) == pytest.approx(own)


def test_own_time_follows_a_trace_that_grows() -> None:
    trace = trace_of((60, None))
    own = OwnTime(trace)
    assert own.ms(trace.spans[1]) == pytest.approx(60)
    trace.clear(2)
    trace.load(2, [span(1, None, "test", "t", 0, 10)], live=False)
    assert own.ms(trace.spans[1]) == pytest.approx(10)


def test_a_bar_is_thick_where_time_is_its_own_and_thin_where_it_is_covered() -> None:
    axis = Axis(0, 100, 10)
    assert axis.parts(0, 100, [(20, 60)]) == (0, [("██", False), ("━━━━", True), ("████", False)])
    assert axis.parts(0, 100, []) == (0, [("██████████", False)])
    assert axis.parts(5, 95, [(0, 100)]) == (0, [("╺━━━━━━━━╸", True)])
    assert axis.parts(40, 41, [(40, 41)]) == (4, [("▏", False)])
    assert axis.parts(0, 40, [(0, 4), (12, 38)]) == (0, [("█", False), ("━━━", True)])


def test_parts_of_a_zoomed_axis_stay_within_it() -> None:
    axis = Axis(50, 10, 7)
    first, parts = axis.parts(0, 1000, [(at, at + 1) for at in range(0, 1000, 2)])
    assert first + sum(len(text) for text, _ in parts) == 7
    assert (axis.side(0, 10), axis.side(55, 70), axis.side(61, 70)) == (-1, 0, 1)


def test_gaps_are_what_intervals_leave() -> None:
    assert gaps([(2, 3), (5, 9)], 0, 10) == [(0, 2), (3, 5), (9, 10)]
    assert gaps([(0, 10)], 0, 10) == []


# --- numbers and picture ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ms", "length", "expected"),
    [
        (0, 5, "0"),
        (44.2, 44.2, "44 ms"),
        (12.34, 27, "12 ms"),
        (324.68, 0.54, "324.680 ms"),
        (324.68, 40, "325 ms"),
        (324.68, 20, "324.7 ms"),
        (1523.4, 800, "1.5 s"),
    ],
)
def test_numbers_above_the_axis_tell_its_ends_apart(ms: float, length: float, expected: str) -> None:
    assert moment(ms, length) == expected


def test_the_scale_is_as_wide_as_the_bars() -> None:
    for cells in (3, 12, 40, 100):
        assert len(scale(Axis(5 * MS, 7 * MS, cells), 0)) == cells
    assert scale(Axis(0, 40 * MS, 40), 0).split() == ["0", "20", "ms", "40", "ms"]


def test_the_picture_of_a_trace_has_dots_where_work_was_done() -> None:
    trace = Trace(Clock())
    leaves = [span(2 + at, 1, "internal", "s", 25 * at, 25 * at + 12) for at in range(4)]
    trace.load(1, [span(1, None, "test", "t", 0, 100), *leaves], live=False)
    (line,) = Minimap(trace).lines(8, 1)
    assert "".join(text for text, _ in line) == "⠉ ⠒ ⠤ ⣀ "
    assert not any(failed for _, failed in line)


def test_failures_stand_out_in_the_picture_of_a_huge_trace() -> None:
    trace = Trace(Clock())
    count = 60_001
    leaves = [
        span(2 + at, 1, "internal", "s", at, at + 0.5, status="error" if at == 30_001 else "ok")
        for at in range(count)
    ]
    trace.load(1, [span(1, None, "test", "t", 0, count), *leaves], live=False)
    lines = Minimap(trace).lines(60, 2)
    assert [(row, at) for row, line in enumerate(lines) for at, (_, failed) in enumerate(line) if failed] == [
        (1, 30)
    ]
