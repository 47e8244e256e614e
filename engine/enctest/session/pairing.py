"""Telling known tests from new ones, also where ids differ at every collection."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from enctest.session.job import KnownTest


def base_of(test: str) -> str:
    """Return a node id without its parameters."""
    return test.split("[", 1)[0]


def pair(collected: Sequence[str], known: Sequence[KnownTest]) -> tuple[set[str], dict[str, str]]:
    """Match what a file holds now with what was known of it.

    Within one function, ids that are gone and ids that are new pair up in order when they are as many:
    a parameter whose id holds the time or an address is the same test under another name.

    Returns:
        The collected ids that are to run (unknown ones run), and the renamed ones (new id to old id).
    """
    by_id = {entry.test: entry.run for entry in known}
    now = set(collected)
    renamed: dict[str, str] = {}
    fresh = _by_base(test for test in collected if test not in by_id)
    gone = _by_base(entry.test for entry in known if entry.test not in now)
    for base, tests in fresh.items():
        olds = gone.get(base, [])
        if len(olds) == len(tests) and tests != [base]:
            renamed.update(zip(tests, olds, strict=True))
    run = {test for test in collected if by_id.get(renamed.get(test, test), True)}
    return run, renamed


def _by_base(tests: Iterable[str]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for test in dict.fromkeys(tests):
        groups.setdefault(base_of(test), []).append(test)
    return groups
