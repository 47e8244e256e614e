"""Everything that is found about one test, ranked, without what the project does not want to hear."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from fnmatch import fnmatchcase

from enctest.config import FindingSettings
from enctest.events.findings import Finding, FindingKind, Recent
from enctest.tracing.findings.past import flaky, slow, uncovered_time
from enctest.tracing.findings.queries import repeated_queries
from enctest.tracing.findings.requests import repeated_requests, sequential_awaits
from enctest.tracing.findings.scene import Scene
from enctest.tracing.findings.source import Sources
from enctest.tracing.findings.transactions import connection_churn, requests_in_transactions
from enctest.tracing.model import Trace

_ANY = "*"


class Finder:
    """Looks at traces of one project.

    Args:
        root: The project's root; source files are read there.
        settings: What is not to be told.
    """

    def __init__(self, root: str, settings: FindingSettings) -> None:
        self._root = root
        self._settings = settings
        self._sources = Sources(root)

    def find(
        self,
        test: str,
        trace: Trace,
        recent: Sequence[Recent] = (),
        base: Trace | None = None,
        more: Iterable[Finding] = (),
    ) -> list[Finding]:
        """Return what there is to say about a test's last run, what matters most first.

        Args:
            test: Its node id.
            trace: The spans of the run.
            recent: Its last runs, that one last.
            base: Its last pass before; tells growth, and where time went; it never decides what is told.
            more: What somebody else has found, such as plans of its queries.
        """
        scene = self.scene(trace)
        ways: dict[FindingKind, Callable[[], list[Finding]]] = {
            "flaky": lambda: flaky(recent),
            "repeated-query": lambda: repeated_queries(scene, base),
            "request-in-transaction": lambda: requests_in_transactions(scene),
            "repeated-request": lambda: repeated_requests(scene),
            "sequential-awaits": lambda: sequential_awaits(scene),
            "connection-churn": lambda: connection_churn(scene),
            "uncovered-time": lambda: uncovered_time(trace),
            "slow": lambda: slow(trace, recent, base),
        }
        found = [finding for kind, way in ways.items() if self.wants(kind) for finding in way()]
        found += [finding for finding in more if self.wants(finding.kind)]
        return sorted(
            (each for each in found if not self._is_silenced(test, each)), key=lambda each: -each.rank
        )

    def scene(self, trace: Trace) -> Scene:
        """Return a trace as those see it that find things in it."""
        return Scene(trace, self._sources)

    def wants(self, kind: FindingKind) -> bool:
        """Tell whether a kind is looked for at all."""
        return kind not in self._settings.off

    def _is_silenced(self, test: str, finding: Finding) -> bool:
        """Tell whether a pattern names the test, the place or the title of a finding."""
        patterns = [*self._settings.silence.get(finding.kind, ()), *self._settings.silence.get(_ANY, ())]
        texts = (test, finding.place, finding.title)
        return any(fnmatchcase(text, pattern) for pattern in patterns for text in texts if text)
