"""Which part of a span's time is its own: no child covers it, and it was not spent beside the test."""

from __future__ import annotations

from enctest.tracing.intervals import covered_ns
from enctest.tracing.likeness import Spanlike

ELSEWHERE = "enctest.elsewhere_ns"
"""Attribute of a span: nanoseconds of its time that were those of spans beside the test: of shared fixtures
and shared starts. Those above it have them as well."""


def end_ns(span: Spanlike, now_ns: int) -> int:
    """Return when a span ended, or `now_ns`; never before its start."""
    return max(span.end_ns if span.end_ns is not None else now_ns, span.start_ns)


def duration_ns(span: Spanlike, now_ns: int) -> int:
    """Return how long a span took, without what was done beside the test."""
    return max(0, end_ns(span, now_ns) - span.start_ns - elsewhere_ns(span))


def own_ns(span: Spanlike, now_ns: int) -> int:
    """Return the time of a span that no child covers; children may overlap, and outlive it."""
    end = end_ns(span, now_ns)
    children = (
        (max(child.start_ns, span.start_ns), min(end_ns(child, now_ns), end)) for child in span.children
    )
    return max(0, end - span.start_ns - covered_ns(children) - own_elsewhere_ns(span))


def elsewhere_ns(span: Spanlike) -> int:
    """Return how much of a span's time was that of spans beside the test."""
    found: int = span.attributes.get(ELSEWHERE, 0)
    return found


def own_elsewhere_ns(span: Spanlike) -> int:
    """Return how much of that was while no child was at work: children have theirs in their own time."""
    return max(0, elsewhere_ns(span) - sum(map(elsewhere_ns, span.children)))
