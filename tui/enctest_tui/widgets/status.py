"""The status lines: the project above, what goes on below."""

from __future__ import annotations

from pathlib import PurePath

from textual.content import Content

from enctest import events as ev
from enctest_tui.facts import Run, Status
from enctest_tui.node import BAD, NONE, OUTDATED, RUNNING, Node
from enctest_tui.outcomes import OUTCOMES, SHAPES
from enctest_tui.outcomes import OUTDATED as OUTDATED_MARK
from enctest_tui.text import clean, duration, fit, one_line, plural
from enctest_tui.why import brief
from enctest_tui.widgets.bar import Bar, both_ends
from enctest_tui.widgets.headline import COLOURS, coloured

_QUIET = "$foreground 55%"
_WAITING = "◐◓◑◒"


class TopBar(Bar):
    """Project, watch state, databases; totals on the right."""

    def __init__(self) -> None:
        super().__init__(id="top")
        self._status = Status()
        self._root: Node | None = None
        self._lost = ""

    def show(self, status: Status, root: Node, lost: str) -> None:
        """Say how the project stands."""
        self._status, self._root, self._lost = status, root, lost
        self.redraw()

    def words(self) -> Content:
        """Return the line."""
        status = self._status
        parts = [
            Content.styled(clean(PurePath(status.root).name or "enctest"), "bold"),
            _watching(status, self._lost),
            *(_database(each.name, each.state, each.detail) for each in status.databases),
        ]
        totals = _totals(self._root) if self._root is not None else Content("")
        return both_ends(Content("   ").join(parts), totals, self.room)


def _watching(status: Status, lost: str) -> Content:
    if lost:
        return Content.styled("† explorer lost", "bold $text-error")
    if status.paused:
        return Content.styled("‖ paused", "$text-warning")
    if status.phase == "starting":
        return Content.styled("◌ starting", _QUIET)
    return Content.assemble(("●", "$text-success"), (" watching", _QUIET))


def _database(name: str, state: str, detail: str) -> Content:
    shape, style = {
        "ready": ("◆", "$text-success"),
        "failed": ("◆", "$text-error"),
        "off": ("◇", _QUIET),
    }.get(state, ("◇", "$text-warning"))
    words = one_line(detail).partition(" (")[0] if state == "ready" and detail else state
    return Content.assemble(
        (shape, style),
        (f" {one_line(name)} {fit(words, 28)}", "$text-error" if state == "failed" else _QUIET),
    )


def _totals(root: Node) -> Content:
    counts = root.counts
    parts = [
        Content.styled(f"{SHAPES[outcome]} {counts[place]:,}", coloured(outcome))
        for place, outcome in enumerate(OUTCOMES)
        if counts[place]
    ]
    if counts[OUTDATED]:
        parts.append(Content.styled(f"{OUTDATED_MARK} {counts[OUTDATED]:,}", COLOURS["outdated"]))
    if counts[NONE]:
        parts.append(Content.styled(f"· {counts[NONE]:,}", _QUIET))
    return Content("  ").join(parts)


class ActivityLine(Bar):
    """What was saved, what that affects, how the run goes or how it ended."""

    def __init__(self) -> None:
        super().__init__(id="activity")
        self._status = Status()
        self._root: Node | None = None
        self._turn = 0

    def show(self, status: Status, root: Node, *, turn: bool = False) -> None:
        """Say what goes on; `turn` moves the sign of waiting on."""
        self._status, self._root = status, root
        self._turn += turn
        self.redraw()

    def words(self) -> Content:
        """Return the line."""
        if self._root is None:
            return Content("")
        right = self._right(self._status, self.room)
        left = _left(self._status, self._root)
        if left.cell_length + right.cell_length + 2 > self.room:
            left = _left(self._status, self._root, short=True)
        if left.cell_length + right.cell_length + 2 > self.room and self._status.settled_ms is not None:
            right = self._right(self._status, self.room, timed=False)  # the time since the save says more
        return both_ends(left, right, self.room)

    def _right(self, status: Status, width: int, *, timed: bool = True) -> Content:
        run = status.run
        if status.phase == "running" and run is not None and not run.is_over:
            return _progress(run, self._root, max(8, min(32, width // 4)))
        if status.phase in {"starting", "collecting"}:
            word = "collecting…" if status.phase == "collecting" else "starting…"
            return Content.assemble((_WAITING[self._turn % 4], "$text-primary"), (f" {word}", _QUIET))
        return _result(run, timed=timed) if run is not None and not status.is_hunting else Content("")


def audit_line(audit: ev.Audited, *, short: bool = False) -> str:
    """Return what audits have measured, in one line."""
    recall = f"audit: recall {_percent(audit.recall)}"
    if short:
        return recall
    words = f"{recall}, {audit.sampled:,} sampled"
    return words if audit.rate is None else f"{words}, {_percent(audit.rate)} of the suite per change"


def _percent(share: float) -> str:
    """Return a share as a percentage; what is not all of it is never rounded up to that."""
    shown = min(round(share * 100, 1), 99.9) if share < 1 else 100.0
    return f"{shown:.0f} %" if shown == int(shown) else f"{shown:.1f} %"


def _left(status: Status, root: Node, *, short: bool = False) -> Content:
    hunt = status.hunt
    if hunt is not None:
        sign = ("◎ ", COLOURS["accent" if hunt.state == "hunting" else "warn"])
        return Content.assemble(sign, (one_line(brief(hunt)), _QUIET))
    if status.notice:
        return Content.styled(one_line(status.notice), _QUIET)
    if not status.changed:
        return _before_any_save(status, short=short)
    first = clean(PurePath(status.changed[0]).name)
    more = f" +{len(status.changed) - 1}" if len(status.changed) > 1 else ""
    arrow = (" → " if short else "  →  ", "$foreground 35%")
    parts: list[Content | tuple[str, str]] = [(first, "bold"), (more if short else f"{more} saved", _QUIET)]
    if status.affected is not None:
        total = f"{status.affected_of:,}" if short else f"{plural(status.affected_of, 'test')} affected"
        parts += [arrow, (f"{status.affected:,}", "bold"), (f" of {total}", _QUIET)]
    if status.settled_ms is not None:
        style = "bold $text-error" if root.counts[BAD] else "bold $text-success"
        parts += [
            arrow,
            (duration(status.settled_ms), style),
            ("" if short else " from save to result", _QUIET),
        ]
    return Content.assemble(*parts)


def _before_any_save(status: Status, *, short: bool) -> Content:
    parts = [f"{name} {version}" for name, version in status.versions.items()]
    if status.run is not None:
        parts = [status.run.reason] if status.run.reason else []
    if status.audit is not None and status.phase == "idle":
        parts.append(audit_line(status.audit, short=short))
    return Content.styled(one_line(" · ".join(parts)), _QUIET)


def _progress(run: Run, root: Node | None, cells: int) -> Content:
    share = min(1.0, run.done / run.total) if run.total else 0.0
    at_once = root.counts[RUNNING] if root is not None else 0
    full = min(cells, int(share * cells))
    bad = sum(run.counts.get(outcome, 0) for outcome in ("failed", "error", "crashed"))
    return Content.assemble(
        ("━" * full, "$text-error" if bad else "$text-primary"),
        ("━" * (cells - full), "$foreground 16%"),
        (f" {run.done:,}/{run.total:,}", _QUIET),
        (f" · {at_once} at once" if at_once > 1 else "", _QUIET),
    )


def _result(run: Run, *, timed: bool) -> Content:
    parts = [
        Content.styled(f"{run.counts[outcome]:,} {outcome}", coloured(outcome))
        for outcome in OUTCOMES
        if run.counts.get(outcome)
    ]
    if run.stopped:
        parts.insert(0, Content.styled(one_line(run.stopped), "$text-warning"))
    if run.duration_ms and timed:
        parts.append(Content.styled(f"in {duration(run.duration_ms)}", _QUIET))
    return Content.styled(", ", _QUIET).join(parts)
