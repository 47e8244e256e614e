"""Help for a part, first hints, notifications, and terminals with few colours."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.tui import looking
from tests.tui.looking import shows, until
from tests.tui.stage import NOW, FakeFeed, info, make_app, shop_attached
from textual import events
from textual.pilot import Pilot

from enctest import events as ev
from enctest.config import Settings
from enctest.errors import EnctestError
from enctest_tui import hints, places
from enctest_tui.actions import BY_ID, key_map
from enctest_tui.notifier import Notifier
from enctest_tui.screens.part_help import PARTS, PartHelp

PlayFixture = Callable[..., None]


def test_f1_explains_what_has_the_focus(play: PlayFixture) -> None:
    app = make_app(FakeFeed(shop_attached(), ev.Ready(t=NOW)))

    async def scene(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: shows(app, "api"))
        for keys, part in (
            ([], "tests"),
            (["slash"], "filter"),
            (["escape", "tab"], "spans"),
            (["2", "tab"], "failure"),
        ):
            await pilot.press(*keys, "f1")
            title, said, _ = PARTS[part]
            await until(pilot, lambda: isinstance(app.screen, PartHelp))
            box = app.screen.query_one("#help")
            assert box.border_title == title
            await until(pilot, functools.partial(shows, app, said.split(".")[0][:30]))
            await pilot.press("escape")
            await until(pilot, lambda: not isinstance(app.screen, PartHelp))
            if part != "filter":
                app.main.tests.focus()

    play(app, scene)


def test_each_part_names_actions_that_there_are() -> None:
    for title, said, actions in PARTS.values():
        assert title
        assert said.endswith(".")
        assert set(actions) <= set(BY_ID)


def test_three_starts_tell_one_thing_each_and_no_more(tmp_path: Path) -> None:
    keys = key_map({"next-failure": "f7"})
    told = [hints.take(keys, tmp_path) for _ in range(5)]
    assert [bool(hint) for hint in told] == [True, True, True, False, False]
    assert len(set(told[:3])) == 3
    assert told[0].startswith("F7 goes to the next failing test")
    assert not any("{" in hint for hint in told)
    (tmp_path / "hints").write_text("nonsense")
    assert hints.take(keys, tmp_path) == ""


def test_what_cannot_be_remembered_is_not_told(tmp_path: Path) -> None:
    assert hints.take(key_map({}), tmp_path / "nowhere") == ""


def test_a_hint_goes_away_with_the_first_key(play: PlayFixture) -> None:
    app = make_app(FakeFeed(shop_attached(), ev.Ready(t=NOW)))
    app.hint = "this is how it goes"

    async def scene(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: looking.told(app) == ["this is how it goes"])
        await pilot.press("j")
        await until(pilot, lambda: looking.told(app) == [])

    play(app, scene)


def told(setting: str, environment: dict[str, str], *stands: tuple[int, int]) -> list[str]:
    written: list[str] = []
    notifier = Notifier(setting, written.append, environment)  # type: ignore[arg-type]  # one of them
    for good, bad in stands:
        notifier.settled("my;shop", good=good, bad=bad)
    return written


def test_only_green_that_turns_red_is_told() -> None:
    assert told("off", {}, (3, 0), (2, 1)) == []
    assert told("bell", {}, (0, 0), (2, 1), (2, 1)) == []
    assert told("bell", {}, (3, 0), (2, 1), (1, 2), (3, 0), (3, 0), (2, 1)) == ["\a", "\a"]


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"TERM": "xterm-256color"}, "\x1b]9;enctest: my,shop: 1 test failed\a"),
        ({"TERM": "foot"}, "\x1b]777;notify;enctest: my,shop;1 test failed\a"),
        (
            {"TERM": "tmux-256color", "TMUX": "/run/tmux"},
            "\x1bPtmux;\x1b\x1b]9;enctest: my,shop: 1 test failed\a\x1b\\",
        ),
        ({"TERM": "xterm", "DISPLAY": ":0", "PATH": "/nowhere"}, "\x1b]9;enctest: my,shop: 1 test failed\a"),
    ],
    ids=str,
)
def test_the_terminal_shows_a_message(environment: dict[str, str], expected: str) -> None:
    assert told("desktop", environment, (3, 0), (2, 1)) == [expected]


def test_a_desktop_is_told_by_its_own_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "notify-send"
    program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {tmp_path}/said\n')
    program.chmod(0o755)
    environment = {"DISPLAY": ":0", "PATH": str(tmp_path)}
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert told("desktop", environment, (3, 0), (2, 1)) == []
    assert (tmp_path / "said").read_text().splitlines() == [
        "--app-name=enctest",
        "enctest: my;shop",
        "1 test failed",
    ]


def test_a_red_run_rings_the_bell_of_the_app(play: PlayFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    feed = FakeFeed(
        ev.Attached(
            t=NOW, root="/shop", python="python", args=(), phase="idle", paused=False, versions={},
            databases=(), tests=(ev.TestState(info=info("test_a.py::test_a"), outcome="passed"),),
        ),
        ev.Ready(t=NOW),
    )  # fmt: skip
    app = make_app(feed, settings=Settings(notify="bell"))
    written: list[str] = []
    monkeypatch.setattr(app._notifier, "_write", written.append)

    async def scene(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: shows(app, "test_a"))
        assert written == []
        feed.tell(
            ev.RunStarted(t=NOW, run=2, tests=("test_a.py::test_a",), reason="saved"),
            ev.TestStarted(t=NOW, run=2, test="test_a.py::test_a"),
            ev.TestFinished(t=NOW, run=2, test="test_a.py::test_a", outcome="failed", duration_ms=1.0),
            ev.RunFinished(t=NOW, run=2, counts={"failed": 1}, duration_ms=2.0),
        )
        await until(pilot, lambda: written == ["\a"])

    play(app, scene)


def test_an_unknown_action_gets_a_suggestion() -> None:
    with pytest.raises(EnctestError) as caught:
        key_map({"run_failed": "f5"})
    assert caught.value.hint == "Did you mean 'run-failed'?"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("test_finish.py:12: AssertionError", [("test_finish.py", 12)]),
        ("  at test_finish.py:3 and stage.py:9", [("test_finish.py", 3), ("stage.py", 9)]),
        ('  File "test_finish.py", line 7, in f', [("test_finish.py", 7)]),
        (f"{__file__}:5", [(__file__, 5)]),
        ("nowhere.py:1", []),
        ("12:30:45 and a.b:c", []),
    ],
)
def test_places_are_files_that_are_there(text: str, found: list[tuple[str, int]]) -> None:
    root = str(Path(__file__).parent)
    assert [(place.path, place.line) for place in places.find(text, root)] == found
    assert not list(places.find(text, ""))


def test_what_is_typed_fast_goes_where_it_should(play: PlayFixture) -> None:
    feed = FakeFeed(shop_attached(), ev.Ready(t=NOW))
    app = make_app(feed)

    async def scene(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: shows(app, "api"))
        for key in ("slash", *"dfxr", "enter", "tab", "2"):
            app.post_message(events.Key(key, "/" if key == "slash" else key if len(key) == 1 else None))
        await until(pilot, lambda: app.main.side.tabs.active == "failure")
        assert app.main.left.filter.text == "dfxr"
        assert not any(
            isinstance(command, ev.Debug | ev.RunTests | ev.RunFailed | ev.Stop) for command in feed.sent
        )

    play(app, scene)
