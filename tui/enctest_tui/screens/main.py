"""The one screen: tests on the left, what they did on the right, status and keys around."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.timer import Timer

from enctest_tui.actions import Where, display
from enctest_tui.focus import focus_now
from enctest_tui.keys import bindings
from enctest_tui.model import Changes, Model
from enctest_tui.node import BAD, Node
from enctest_tui.screens.analysis import Ask
from enctest_tui.screens.help import HelpScreen
from enctest_tui.screens.overlays import Overlays, labels_of
from enctest_tui.themes import DARK, LIGHT
from enctest_tui.widgets.banner import Banner
from enctest_tui.widgets.key_line import KeyLine
from enctest_tui.widgets.left_pane import LeftPane
from enctest_tui.widgets.line_view import LineView
from enctest_tui.widgets.side_pane import SidePane
from enctest_tui.widgets.status import ActivityLine, TopBar
from enctest_tui.widgets.tabs import TABS
from enctest_tui.widgets.trace_pane import TracePane

_REST = 0.05
"""Seconds the cursor rests on a test before its details are asked for."""
_PATIENCE = 0.3
"""Seconds the former test's details stay while those of the next are under way."""


class MainScreen(Overlays):
    """Shows the model; commands go to the app."""

    BINDINGS: ClassVar[list[BindingType]] = bindings("app")
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]  # noqa: RUF012 - as Textual declares it

    @dataclass
    class Followed(Message):
        """Details and spans of this test are wanted; empty for none."""

        test: str

    def __init__(self, model: Model, keys: Mapping[str, str], ask: Ask) -> None:
        super().__init__()
        self.model = model
        self.lost = ""
        self._keys, self._ask = keys, ask
        self._rest: Timer | None = None
        self._patience: Timer | None = None
        self._ticker: Timer | None = None
        self.top = TopBar()
        self.banner = Banner()
        self.left = LeftPane(model, ask)
        self.tests = self.left.tests
        self.side = SidePane(model, display(keys["database"], 1))
        self.activity = ActivityLine()
        self.key_line = KeyLine(keys)

    def compose(self) -> ComposeResult:
        """Status, tests beside tabs, activity, keys."""
        yield self.top
        yield self.banner
        with Horizontal(id="body"):
            yield self.left
            with Vertical(id="right"):
                yield self.side
        yield self.activity
        yield self.key_line

    def on_mount(self) -> None:
        """Begin with the tests."""
        self.tests.focus()
        self._ticker = self.set_interval(0.1, self._tick, pause=True)
        self.show_changes(Changes.STATUS | Changes.TESTS | Changes.DETAILS)

    # --- showing -------------------------------------------------------------------------------------

    def show_changes(self, changes: Changes) -> None:
        """Bring everything up to date that a batch of events has changed."""
        model = self.model
        if Changes.ATTACHED in changes:
            self.tests.set_tree(model.tests)
        if changes & (Changes.TESTS | Changes.STATUS):
            self.left.refresh_tests(self.lost)
            if self._followed() != model.details.test and self._rest is None:
                self._selected_another()
            self._show_headline()
            self._show_status()
        self.show_overlay(changes)
        if Changes.TROUBLE in changes:
            self._show_trouble()
        if Changes.DETAILS in changes:
            self._show_details()
        elif Changes.TRACE in changes:
            self.side.refresh_trace()
        if Changes.CHANGED in changes:
            self.side.refresh_source()
        self.left.follow(changes)
        if Changes.FINISHED in changes and not self.tests.was_touched:
            self._go_to_first_failure()
        self._run_ticker()

    def _show_headline(self) -> None:
        self.side.show_headline(self.left.selected, self.left.use)

    def _show_details(self) -> None:
        self.side.show_details(self.left.selected, self.left.use)

    def _show_trouble(self) -> None:
        """Show an error, else what audits found and nobody has read."""
        keys = [display(self._keys[action], 1) for action in ("missed", "back")]
        self.banner.show_first(
            self.model.trouble, tuple(self.model.misses.values()), "{} goes there; {}: read.".format(*keys)
        )

    def _show_status(self) -> None:
        self.top.show(self.model.status, self.model.tests.root, self.lost)
        self.activity.show(self.model.status, self.model.tests.root)
        self.show_keys()

    def show_keys(self) -> None:
        """Show the keys that matter for what is focused."""
        status, root = self.model.status, self.model.tests.root
        focused = self.focused
        where: list[Where] = ["app"]
        labels = {"pause": "Watch" if status.paused else "Pause"}
        if isinstance(focused, LineView):
            where += [focused.KIND, "span"] if self.side.trace.has_focus_within else [focused.KIND]
            labels |= focused.labels()
        if status.phase in {"idle", "starting"} and not status.is_hunting:
            labels["stop"] = ""
        if not root.counts[BAD]:
            labels["run-failed"] = labels["next-failure"] = ""
        node = self.left.selected
        if node is None or not node.is_test or not node.bad:
            labels["hunt"] = ""
        labels |= labels_of(node, status)
        if self.left.shows_users:
            labels["used-by"] = "Tests"
        if self.has_class("-full"):
            labels["trace"] = "Back"
        self.key_line.show(where, labels)

    def _go_to_first_failure(self) -> None:
        """Until the user takes over, the cursor goes where the trouble is."""
        node = self.tests.selected
        if node is None or not (node.is_test and node.bad):
            failure = self.tests.rows.next_bad(1)
            if failure is not None:
                self.tests.go_to_test(failure)

    def _run_ticker(self) -> None:
        status = self.model.status
        busy = status.phase != "idle" or self.model.trace.is_live
        if self._ticker is not None:
            (self._ticker.resume if busy and not self.lost else self._ticker.pause)()

    def _tick(self) -> None:
        self.tests.turn_spinner()
        if self.model.status.phase in {"starting", "collecting"}:
            self.activity.show(self.model.status, self.model.tests.root, turn=True)
        if self.model.trace.is_live:
            self.side.refresh_trace()

    # --- selecting -----------------------------------------------------------------------------------

    def _followed(self) -> str:
        node = self.left.selected
        return node.id if node is not None and node.is_test else ""

    @on(LineView.Moved, "#tests")
    @on(LineView.Moved, "#users")
    def _tree_moved(self, event: LineView.Moved) -> None:
        if event.view is not self.left.list:
            return
        self._show_headline()
        self.show_keys()
        self._selected_another()

    def _selected_another(self) -> None:
        if self._rest is not None:
            self._rest.stop()
        self._rest = self.set_timer(_REST, self._follow)

    def _follow(self) -> None:
        self._rest = None
        test = self._followed()
        if test == self.model.details.test:
            if not test:
                self._show_details()
            return
        self.model.follow(test)
        self.post_message(self.Followed(test))
        if self._patience is not None:
            self._patience.stop()
        if test:
            # The answer comes at once as a rule: until then the former stays, so that nothing flickers.
            self._patience = self.set_timer(_PATIENCE, self._show_without_answer)
        else:
            self._show_details()

    def _show_without_answer(self) -> None:
        if not self.model.details.known:
            self._show_details()

    @on(LineView.Chosen, "#tests")
    def _tree_chosen(self) -> None:
        node = self.tests.selected
        if node is not None and node.is_test:
            self.action_switch()
        else:
            self.tests.action_turn()

    @on(LineView.Chosen, "#users")
    def _user_chosen(self) -> None:
        if (node := self.left.selected) is not None:
            self._go_to_test(node)

    @on(LineView.Chosen, "#failure")
    def _failure_chosen(self) -> None:
        if (node := self.left.selected) is not None and node.id in self.model.hunts:
            self.action_polluter()

    def _go_to_test(self, test: Node) -> None:
        """Show a test in the tree."""
        self.left.turn(round_=False)
        self._show_side(on_=False)
        self.tests.touched()
        if not self.tests.go_to_test(test):
            self.left.give_up_filter()
            self.tests.set_filter("")
            self.tests.go_to_test(test)
        self._selected_another()

    def _go_to(self, id_: str) -> None:
        test = self.model.tests.tests.get(id_)
        if test is None:
            self.notify(f"{id_} is not there any more", markup=False, timeout=3)
        else:
            self._go_to_test(test)

    # --- what the registry calls ---------------------------------------------------------------------

    def action_failure(self, step: int) -> None:
        """Go to the next or previous failing test."""
        self.tests.touched()
        if self.left.shows_users:
            self.action_used_by()
        failure = self.tests.rows.next_bad(step)
        if failure is None:
            left = " of what the filter leaves" if self.tests.rows.filter else ""
            self.notify(f"nothing{left} fails", markup=False, timeout=2)
        else:
            self.tests.go_to_test(failure)

    def action_used_by(self) -> None:
        """Turn the tests round, at the function the user looks at if there is one, and back."""
        if self.left.shows_users and self.left.has_the_focus:
            self.left.turn(round_=False)
            self._selected_another()
            return
        path, line = ("", 0) if self.left.has_the_focus else self.side.place()
        self._show_side(on_=False)
        self.left.turn(round_=True)
        if path:
            self.left.look_for(path, line)
        self._selected_another()
        self.show_keys()

    def action_polluter(self) -> None:
        """Go to the test after which the selected one fails."""
        node = self.left.selected
        hunted = self.model.hunts.get(node.id) if node is not None else None
        if hunted is None or not hunted.polluters:
            hunt = display(self._keys["hunt"], 1)
            self.notify(f"no polluter is known; {hunt} hunts for one", markup=False, timeout=3)
        else:
            self._go_to(hunted.polluters[0])

    def action_missed(self) -> None:
        """Go to the first test that selection missed; that much of the notice is read."""
        if not self.model.misses:
            self.notify("no audit has found a miss", markup=False, timeout=2)
            return
        test = next(iter(self.model.misses))
        del self.model.misses[test]
        self._show_trouble()
        self._go_to(test)

    def action_filter(self) -> None:
        """Look for tests, or for spans when the trace is focused."""
        if self.side.trace.has_focus_within:
            self.side.trace.open_search()
        else:
            self._show_side(on_=False)
            self.left.open_filter()

    def action_trace(self) -> None:
        """Show the trace on the full screen, and back."""
        full = not self.has_class("-full")
        self.set_class(full, "-full")
        if full:
            self.side.open_tab("trace")
            focus_now(self, self.side.trace.front)
        else:
            self._show_side(on_=False)
        self.show_keys()

    def action_tab(self, tab: str) -> None:
        """Open a tab."""
        self.remove_class("-full")
        self.side.open_tab(tab)
        if self.has_class("-narrow"):
            self._show_side(on_=True)

    def action_next_tab(self, step: int) -> None:
        """Open the tab beside."""
        self.action_tab(TABS[(TABS.index(self.side.tabs.active) + step) % len(TABS)])

    def action_switch(self) -> None:
        """Go from tests to tabs, from the trace to its details, and back."""
        trace = self.side.trace
        if self.left.has_the_focus:
            self._show_side(on_=True)
        elif trace.front.has_focus and trace.shows_details:
            focus_now(self, trace.details)
        elif self.has_class("-full"):
            focus_now(self, trace.front)
        else:
            self._show_side(on_=False)

    def _show_side(self, *, on_: bool) -> None:
        self.set_class(on_, "-side")
        if not on_:
            self.remove_class("-full")
        focus_now(self, self.side.view if on_ else self.left.list)

    def action_back(self) -> None:
        """Leave what is on top."""
        trace = self.side.trace
        if trace.go_back():
            self.show_keys()
        elif self.has_class("-full"):
            self.action_trace()
        elif self.banner.has_class("-shown"):
            if self.model.trouble is None:
                self.model.misses.clear()
            self.model.trouble = None
            self._show_trouble()
        elif not self.left.has_the_focus:
            self._show_side(on_=False)
        elif not self.left.give_up_filter() and self.left.shows_users:
            self.action_used_by()

    def action_help(self) -> None:
        """Show all keys."""
        in_a_trace = self.side.trace.has_focus_within
        self.app.push_screen(HelpScreen(self._keys, self.model.status.audit, in_a_trace=in_a_trace))

    def action_command_palette(self) -> None:
        """Find any action by name."""
        self.app.action_command_palette()

    def action_turn_theme(self) -> None:
        """Change between dark and light."""
        self.app.theme = LIGHT.name if self.app.current_theme.dark else DARK

    @on(events.DescendantFocus)
    @on(TracePane.KeysChanged)
    def _keys_changed(self) -> None:
        self.show_keys()
