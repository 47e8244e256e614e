"""The registry of actions and the user's keys."""

from __future__ import annotations

import pytest

from enctest.errors import EnctestError
from enctest_tui.actions import ACTIONS, BY_ID, Action, display, footer, key_map
from enctest_tui.app import EnctestApp
from enctest_tui.screens.help import PAIRS
from enctest_tui.screens.main import MainScreen
from enctest_tui.widgets.details_view import SpanDetails
from enctest_tui.widgets.line_view import LineView
from enctest_tui.widgets.test_tree import TestTreeView
from enctest_tui.widgets.text_view import TextView
from enctest_tui.widgets.trace_pane import TracePane
from enctest_tui.widgets.trace_view import TraceView

HOMES: dict[str, type] = {
    "list": LineView, "tree": TestTreeView, "trace": TraceView, "text": TextView, "span": TracePane,
    "details": SpanDetails,
}  # fmt: skip


def is_apps(action: Action) -> bool:
    return action.group == "Run" or action.call.startswith("app.")


def test_every_action_has_a_method_and_a_sentence() -> None:
    for action in ACTIONS:
        home = HOMES.get(action.where, EnctestApp if is_apps(action) else MainScreen)
        assert hasattr(home, f"action_{action.call.partition('(')[0].removeprefix('app.')}"), action.id
        assert action.help.endswith(".")
        assert len(action.help) < 50
        assert not action.rank or action.label
    assert len(BY_ID) == len(ACTIONS)


def test_lines_of_the_help_fit_beside_their_keys() -> None:
    for action, (other, text) in PAIRS.items():
        assert {action, other} <= set(BY_ID)
        assert len(text) <= 40
    paired = {action for pair, (other, _) in PAIRS.items() for action in (pair, other)}
    long = {each.id: each.help for each in ACTIONS if len(each.help) > 41 and each.id not in paired}
    assert not {action for action in long if BY_ID[action].group in {"Run", "Trace"}}


def test_the_default_keys_are_parsed_as_users_would_write_them() -> None:
    assert key_map({action.id: action.keys for action in ACTIONS}) == key_map({})


def test_users_have_the_last_word() -> None:
    keys = key_map(
        {"run-failed": "F5".lower(), "filter": "ctrl+f, /", "page-down": "pagedown", "run-all": ""}
    )
    assert (keys["run-failed"], keys["filter"], keys["run-all"]) == ("f5", "ctrl+f,slash", "")


def test_two_actions_may_change_keys() -> None:
    keys = key_map({"run": "f", "run-failed": "r"})
    assert (keys["run"], keys["run-failed"]) == ("f", "r")


@pytest.mark.parametrize(
    ("overrides", "title", "hint"),
    [
        ({"run-faild": "F"}, "unknown action: 'run-faild'", "run-failed"),
        ({"run": "R"}, "gives 'R' to both 'run' and 'run-all'", 'run-all = ""'),
        ({"run": "j"}, "gives 'j' to both 'run' and 'down'", "another key"),
        ({"run": "space"}, "gives 'Space' to both", "another key"),
        ({"run": "ctrl-r"}, "'ctrl-r' is not a key", "ctrl+t"),
        ({"run": "a,,b"}, "'' is not a key", "separated by commas"),
    ],
)
def test_mistakes_are_told_with_a_way_out(overrides: dict[str, str], title: str, hint: str) -> None:
    with pytest.raises(EnctestError) as error:
        key_map(overrides)
    assert title in error.value.title
    assert hint in error.value.hint


def test_keys_are_shown_as_they_are_written_on_keyboards() -> None:
    assert display("slash") == "/"
    assert display("up,k,ctrl+p") == "↑ k"
    assert display("ctrl+p") == "^P"


def test_the_footer_begins_with_what_is_special_to_the_focused_list() -> None:
    assert footer(["app", "trace"])[0].id == "trace-toggle"
    assert "trace-toggle" not in [action.id for action in footer(["app", "tree"])]
