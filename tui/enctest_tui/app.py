"""The app: folds the explorer's events into the model, and sends it what the user asks for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import ClassVar

from textual import events, on
from textual.app import App, SystemCommand
from textual.binding import BindingType
from textual.screen import Screen

from enctest.config import Settings
from enctest.errors import EnctestError
from enctest.events import (
    BAD_OUTCOMES,
    Command,
    DebugHow,
    Error,
    ExplainQuery,
    FindBase,
    Follow,
    How,
    Hunt,
    Pause,
    RunFailed,
    RunTests,
    Stop,
)
from enctest.explorer.client import Feed
from enctest_tui import database, debugging, foreground
from enctest_tui.actions import ACTIONS, display, key_map
from enctest_tui.model import Changes, Model
from enctest_tui.node import BAD, PASSED
from enctest_tui.notifier import Notifier
from enctest_tui.screens.main import MainScreen
from enctest_tui.screens.part_help import open_part_help
from enctest_tui.themes import LIGHT, SIXTEEN, fitting
from enctest_tui.type_ahead import TypeAhead
from enctest_tui.widgets.places import SourceWanted
from enctest_tui.widgets.trace_pane import TracePane

_FRAME, _QUICK_FRAME = 1 / 15, 1 / 30
"""Seconds between two repaints, and between two while the user is at the keys or the shown trace grows."""
_AT_THE_KEYS = 1.0
"""Seconds after a key that count as that."""
_HINT_SECONDS = 15.0
_BATCH = 2_000
_BUDGET = 0.008
"""Events folded at once, and seconds folding may take before keys are looked at."""


class EnctestApp(App[None]):
    """One front end of an explorer.

    Args:
        open_feed: Joins the explorer, starting it if need be.
        root: The project's root, for editors and source.
        settings: The user's theme and keys.
        trouble: Something to tell from the start, such as broken settings.
        clock: What open spans are measured with (nanoseconds).
        look: Finds what a failed test has left in its databases.

    Raises:
        EnctestError: The settings name an unknown theme, action or key.
    """

    TITLE = "enctest"
    CSS_PATH: ClassVar[list[str]] = [  # type: ignore[assignment]  # Textual's own annotation is not a ClassVar
        "app.tcss",
        "widgets/line_view.tcss",
        "widgets/trace_view.tcss",
        "screens/help.tcss",
        "screens/ide.tcss",
        "screens/tables.tcss",
        "screens/analysis.tcss",
        "screens/running.tcss",
        "screens/test_choice.tcss",
    ]
    BINDINGS: ClassVar[list[BindingType]] = []
    ENABLE_COMMAND_PALETTE = True
    COMMAND_PALETTE_BINDING = "ctrl+f24"  # the registry has its own

    def __init__(
        self,
        open_feed: Callable[[], Awaitable[Feed]],
        root: Path,
        settings: Settings,
        trouble: EnctestError | None = None,
        clock: Callable[[], int] = time.monotonic_ns,
        look: database.Look = database.look,
    ) -> None:
        super().__init__()
        self._look = look
        self._looked = ("", 0)
        self.model = Model(clock)
        self.feed: Feed | None = None
        self._open_feed = open_feed
        self._root = root
        self._editor = settings.editor
        self._notifier = Notifier(settings.notify, self._write)
        self.hint = ""
        self._type_ahead = TypeAhead(self)
        self._key_at = 0.0
        self._keys = key_map(settings.keys)
        self.register_theme(LIGHT)
        self.register_theme(SIXTEEN)
        if settings.theme not in self.available_themes:
            raise EnctestError(
                f"[tool.enctest] names an unknown theme: {settings.theme!r}",
                f"The themes are: {', '.join(sorted(self.available_themes))}.",
            )
        self.theme = fitting(settings.theme)
        self.set_keymap({name: self._keys[name] or "f24" for name in settings.keys})
        if trouble is not None:
            self.model.trouble = Error(message=trouble.title, hint=trouble.hint)
        self.main = MainScreen(self.model, self._keys, self._ask)

    def get_default_screen(self) -> Screen[None]:
        """Begin with the tests."""
        return self.main

    def on_mount(self) -> None:
        """Join the explorer while the first frame is drawn."""
        if self.model.trouble is not None:
            self.call_after_refresh(self.main.show_changes, Changes.TROUBLE)
        self.run_worker(self._live(), name="feed", group="feed", exclusive=True)
        if self.hint:
            self.notify(self.hint, markup=False, timeout=_HINT_SECONDS)

    # --- events --------------------------------------------------------------------------------------

    async def _live(self) -> None:
        """Join the explorer, then fold and repaint until it is gone."""
        try:
            self.feed = await self._open_feed()
        except EnctestError as error:
            self._lost(error.title, error.hint)
            return
        self.main.lost = ""
        try:
            await self._fold(self.feed)
        finally:
            feed, self.feed = self.feed, None
            await feed.close()

    async def _fold(self, feed: Feed) -> None:
        while True:
            await feed.wait()
            changes, count = Changes.NONE, 0
            until = time.monotonic() + _BUDGET
            while batch := feed.drain(_BATCH):
                count += len(batch)
                changes |= self.model.fold(batch)
                if time.monotonic() > until:
                    break
            if Changes.ATTACHED in changes and self.model.details.test:
                feed.send(Follow(test=self.model.details.test))
            if changes:
                self.main.show_changes(changes)
            if changes & (Changes.ATTACHED | Changes.FINISHED):
                counts, root = self.model.tests.root.counts, self.model.status.root
                self._notifier.settled(Path(root).name, good=counts[PASSED], bad=counts[BAD])
            if Changes.DEBUG in changes:
                self._complain(debugging.answered(self))
            if changes & (Changes.DETAILS | Changes.FINISHED):
                self._look_at_databases(again=Changes.FINISHED in changes)
            if feed.closed and not count:
                self._lost(feed.closed)
                return
            at_the_keys = time.monotonic() - self._key_at < _AT_THE_KEYS
            grows = Changes.TRACE in changes and self.model.trace.is_live
            await asyncio.sleep(_QUICK_FRAME if at_the_keys or grows else _FRAME)

    def _lost(self, why: str, hint: str = "") -> None:
        again, leave = display(self._keys["restart"], 1), display(self._keys["quit"], 1)
        self.model.trouble = Error(
            message=why, hint=f"{hint}\n{again} starts it again, {leave} quits.".strip()
        )
        self.main.lost = why
        self.main.show_changes(Changes.TROUBLE | Changes.STATUS)

    async def on_event(self, event: events.Event) -> None:
        """Note when a key was pressed: while the user is at the keys, the screen follows faster."""
        if isinstance(event, events.Key | events.MouseEvent):
            self._key_at = time.monotonic()
            if self.hint and not isinstance(event, events.MouseMove):
                self.hint = ""
                self.clear_notifications()
        if not isinstance(event, events.Key) or event.is_forwarded:
            await super().on_event(event)
        elif not self._type_ahead.holds(event):
            start = self.focused or self.screen
            await super().on_event(event)
            self._type_ahead.sent(start)

    # --- commands ------------------------------------------------------------------------------------

    def _send(self, command: Command) -> None:
        if self.feed is not None:
            self.feed.send(command)
        else:
            self.notify("the explorer is not there", severity="warning", markup=False, timeout=3)

    @on(MainScreen.Followed)
    def _followed(self, event: MainScreen.Followed) -> None:
        if self.feed is not None:
            self.feed.send(Follow(test=event.test or None))

    @on(TracePane.BaseWanted)
    def _base_wanted(self, event: TracePane.BaseWanted) -> None:
        if self.feed is not None and self.model.details.test:
            test, base = self.model.details.test, self.model.base
            self.feed.send(FindBase(test=test, run=event.run, against=event.against, other=base.other))

    @on(TracePane.PlanWanted)
    def _plan_wanted(self, event: TracePane.PlanWanted) -> None:
        asked = ExplainQuery(
            test=self.model.details.test,
            run=event.run,
            span=event.span,
            query=event.query,
            namespace=event.database,
        )
        self._send(asked)

    def _ask(self, question: Command) -> None:
        if self.feed is not None:
            self.feed.send(question)

    def action_run(self) -> None:
        """Run what is selected; of a group under a filter, what the filter leaves."""
        self._run("warm")

    def action_run_fresh(self) -> None:
        """Run what is selected in a pytest process that was started for it."""
        self._run("fresh")

    def action_run_isolated(self) -> None:
        """Run what is selected, each test in a process of its own."""
        self._run("isolated")

    def _run(self, how: How) -> None:
        tests = self.main.left.selection()
        if tests:
            self._send(RunTests(tests=tests, how=how))
        elif self.main.left.use is not None:
            self.notify("unfold it first: its tests are not known yet", markup=False, timeout=3)

    def action_hunt(self) -> None:
        """Find the test after which the selected one fails."""
        node = self.main.left.selected
        if node is None or not node.is_test:
            self.notify("select a failing test to hunt for its polluter", markup=False, timeout=3)
        elif not node.bad:
            self.notify("it does not fail: there is nothing to hunt for", markup=False, timeout=3)
        else:
            self._send(Hunt(test=node.id))

    def action_run_all(self) -> None:
        """Run everything."""
        self._send(RunTests(tests=None))

    def action_run_failed(self) -> None:
        """Run what failed last."""
        if self.model.tests.root.counts[BAD]:
            self._send(RunFailed())
        else:
            self.notify("nothing has failed", markup=False, timeout=2)

    def action_stop(self) -> None:
        """Stop what is running."""
        self._send(Stop())

    def action_pause(self) -> None:
        """Stop or go on watching."""
        self._send(Pause(on=not self.model.status.paused))

    def action_restart(self) -> None:
        """Start the explorer again when it has gone."""
        if self.feed is not None:
            self.notify("the explorer is running", markup=False, timeout=2)
            return
        self.model.trouble = None
        self.model.status.phase = "starting"
        self.main.lost = ""
        self.main.show_changes(Changes.TROUBLE | Changes.STATUS)
        self.run_worker(self._live(), name="feed", group="feed", exclusive=True)

    def action_debug(self, how: DebugHow = "failure") -> None:
        """Ask for a run of the selected test under a debugger."""
        if (command := debugging.asked(self, how)) is not None:
            self._send(command)

    def action_part_help(self) -> None:
        """Explain what has the focus."""
        open_part_help(self.screen, self._keys)

    def _write(self, text: str) -> None:
        if self._driver is not None:
            self._driver.write(text)

    def action_edit(self) -> None:
        """Open what the user looks at in their editor."""
        path, line = self.main.side.place()
        if not path:
            self.notify("select a test or a file to edit", markup=False, timeout=2)
            return
        self._edit(path, line)

    @on(SourceWanted)
    def _source_wanted(self, event: SourceWanted) -> None:
        self._edit(event.path, event.line)

    def _edit(self, path: str, line: int) -> None:
        root = Path(self.model.status.root or self._root)
        self._complain(foreground.edit(self, root, path, line, self._editor))

    @property
    def _project(self) -> Path:
        return Path(self.model.status.root or self._root)

    def _look_at_databases(self, *, again: bool) -> None:
        """Find out what the shown test has left, if it failed: once for each run of it, and when one ends."""
        details = self.model.details
        shown = (details.test, details.run)
        if not self.model.status.databases or details.outcome not in BAD_OUTCOMES:
            return
        if again or shown != self._looked:
            self._looked = shown
            self.run_worker(self._find_kept(details.test), group="databases", exclusive=True)

    async def _find_kept(self, test: str) -> None:
        self.model.kept = (test, await self._look(self._project, test))
        if self.model.details.test == test:
            self.main.side.refresh_failure()

    async def action_database(self) -> None:
        """Open the database of the selected test if that failed, else the one of the last run."""
        node = self.main.left.selected
        test = node.id if node is not None and node.is_test and node.bad else ""
        try:
            name, command = await database.opener(self._project, test)
        except EnctestError as error:
            self._complain(f"{error.title}\n{error.hint}".strip())
            return
        if command:
            self._complain(foreground.run(self, command, self._project))
        else:
            from enctest_tui.screens.tables import TablesScreen  # rarely needed, and not quick

            self.push_screen(TablesScreen(self._project, name, test))

    def _complain(self, problem: str) -> None:
        if problem:
            self.notify(problem, severity="error", markup=False)

    # --- palette -------------------------------------------------------------------------------------

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """Offer what the registry offers, and Textual's themes."""
        for action in ACTIONS:
            if action.in_palette and isinstance(screen, MainScreen):
                title = action.id.replace("-", " ").capitalize()
                # Some versions of Textual take a title for markup.
                keys = display(self._keys[action.id]).replace("[", "")
                yield SystemCommand(
                    f"{title}  ({keys})" if keys else title,
                    action.help,
                    self._caller(action.call_from_screen),
                )
        yield SystemCommand("Choose a theme", "Change the colours.", self.action_change_theme)

    def _caller(self, call: str) -> Callable[[], Awaitable[None]]:
        async def run() -> None:
            await self.run_action(call)

        return run
