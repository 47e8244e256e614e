"""Queries that no index serves, by the plans of a managed database."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from enctest.config import DatabaseSettings
from enctest.databases.inspection import Found, Inspection
from enctest.databases.protocol import ServerError
from enctest.databases.query_plans import generic_plan
from enctest.errors import EnctestError
from enctest.events import Finding
from enctest.tracing.findings.indexes import Candidate, candidates, filtered_by, missing_index
from enctest.tracing.findings.scene import Scene

_MOST = 20
"""Queries of one test that are looked at."""


def missing_indexes(root: Path, settings: Mapping[str, DatabaseSettings], scene: Scene) -> list[Finding]:
    """Return what the plans of a test's queries say; nothing where no managed PostgreSQL can be asked now.

    Asked is a throw-away copy of the migrated state, so that no test's database is touched.
    """
    managed = {name: one for name, one in settings.items() if one.engine == "postgresql"}
    wanted = candidates(scene)[:_MOST] if managed else []
    found: list[Finding] = []
    for name in managed:
        mine = [one for one in wanted if one.namespace == name or one.namespace.startswith(f"{name}_")]
        if mine:
            try:
                found += _judged(root, settings, name, scene, mine)
            except (EnctestError, ServerError, OSError):  # it is not there, or about to go: it cannot be told
                continue
    return found


def _judged(
    root: Path,
    settings: Mapping[str, DatabaseSettings],
    name: str,
    scene: Scene,
    wanted: Iterable[Candidate],
) -> list[Finding]:
    with Inspection(root, settings, name) as inspection:
        copy = inspection.template_copy(Found(name, "", "", "", 0, 0)).name
        try:
            return list(_findings(inspection, copy, scene, wanted))
        finally:
            inspection.drop(copy)


def _findings(
    inspection: Inspection, copy: str, scene: Scene, wanted: Iterable[Candidate]
) -> Iterator[Finding]:
    with inspection.connect(copy) as connection:
        for one in wanted:
            plan = generic_plan(connection, one.statement, one.arguments)
            condition = filtered_by(plan, one.table) if plan is not None else ""
            if condition:
                yield missing_index(scene, one, condition)
