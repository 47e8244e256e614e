"""What a change of files can do."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from enctest.session.job import HostReady


@dataclass(frozen=True)
class Effect:
    """What a change of files can do.

    Attributes:
        paths: What changed in content, relative to the root; environment variables as `$NAME`.
        tests: Affected node ids, each with the reason.
        new_in: Files that may hold new tests.
        everything: Why all tests are affected, known or not; empty when that is not so.
        returns: Something is again as it was before, so that earlier results may be true again.
        appeared: There are new files, or data files are gone.
        saved_at: When the newest of them was written (seconds since the epoch).
        moved: Those of `paths` that were not there before, or are not there now.
    """

    paths: tuple[str, ...] = ()
    tests: dict[str, str] = field(default_factory=dict)
    new_in: frozenset[str] = frozenset()
    everything: str = ""
    returns: bool = False
    appeared: bool = False
    saved_at: float = 0.0
    moved: frozenset[str] = frozenset()

    def restarts_host(self, ready: HostReady | None, root: Path) -> bool:
        """Tell whether the session host was started with one of these files."""
        if ready is None:
            return True
        loaded = {Path(path) for path in (*ready.files, *ready.config_files)}
        return any(root / path in loaded for path in self.paths)
