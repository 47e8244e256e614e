"""The one registry of actions: bindings, footer, help, palette and the user's key map come from it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from enctest.config import suggestion
from enctest.errors import EnctestError

Where = Literal["app", "list", "tree", "trace", "span", "details", "text"]
"""Who answers: the whole app, or a focused list of that kind; `list` is every list, `span`
every list of the Trace tab."""


@dataclass(frozen=True)
class Action:
    """Something the user can ask for.

    Attributes:
        id: Its name in `[tool.enctest.keys]`.
        keys: Keys that ask for it, comma separated, in Textual's names.
        label: Two words for the footer.
        help: One sentence for the help screen and the palette.
        group: Heading in the help screen.
        where: Who answers.
        rank: Place in the footer; 0 keeps it out. When space is short the highest go first.
        method: Name of the `action_` method, with arguments.
        in_palette: Whether the palette offers it.
    """

    id: str
    keys: str
    label: str
    help: str
    group: str
    where: Where = "app"
    rank: int = 0
    method: str = ""
    in_palette: bool = False

    @property
    def call(self) -> str:
        """What Textual calls."""
        return self.method or self.id.replace("-", "_")

    @property
    def call_from_screen(self) -> str:
        """What Textual calls when the binding is not at hand: with the name of who answers."""
        if self.where != "app":
            return self.call
        return f"app.{self.call}" if self.group == "Run" else f"screen.{self.call}"


def _run(id_: str, keys: str, label: str, text: str, rank: int = 0, method: str = "") -> Action:
    return Action(id_, keys, label, text, "Run", rank=rank, method=method, in_palette=True)


def _look(id_: str, keys: str, label: str, text: str, rank: int = 0, method: str = "") -> Action:
    return Action(id_, keys, label, text, "Look", rank=rank, method=method, in_palette=True)


def _move(id_: str, keys: str, text: str, where: Where = "list") -> Action:
    return Action(id_, keys, "", text, "Move", where=where)


def _trace(id_: str, keys: str, label: str, text: str, rank: int = 0, method: str = "") -> Action:
    return Action(id_, keys, label, text, "Trace", where="trace", rank=rank, method=method)


def _details(id_: str, keys: str, label: str, text: str, rank: int = 0, method: str = "") -> Action:
    return Action(id_, keys, label, text, "Trace", where="details", rank=rank, method=method)


def _span(id_: str, keys: str, label: str, text: str, rank: int = 0) -> Action:
    return Action(id_, keys, label, text, "Trace", where="span", rank=rank)


def _analyse(id_: str, keys: str, label: str, text: str, rank: int = 0) -> Action:
    return Action(id_, keys, label, text, "Trace", rank=rank, method=f"analyse('{id_}')", in_palette=True)


ACTIONS: Final[tuple[Action, ...]] = (
    _run("run", "r", "Run", "Run the selected test, file or folder.", 2),
    _run("run-all", "R", "All", "Run every test.", 5),
    _run("run-failed", "f", "Failed", "Run the tests that failed last.", 6),
    _run("run-fresh", "F", "Fresh", "Run what is selected in a fresh pytest.", 12),
    _run("run-isolated", "I", "Isolated", "Run what is selected, a process each.", 14),
    _run("hunt", "H", "Hunt", "Hunt for the test this one fails after.", 12),
    _run("stop", "x", "Stop", "Stop what is running, or the hunt.", 1),
    _run("pause", "w", "Pause", "Pause or resume watching files.", 11),
    _run("debug", "d", "Debug", "Debug it here, where it fails.", 9),
    _run("debug-start", "B", "Step", "Debug it here, from its first line.", 14, "debug('start')"),
    _run("debug-ide", "a", "Attach", "Let an IDE debug it, or attach to it.", 13, "debug('ide')"),
    _run(
        "debug-ide-start", "A", "", "Let an IDE debug it, from its first line.", method="debug('ide-start')"
    ),
    _run("database", "p", "Database", "Open its database: psql, or tables.", 12),
    _run("edit", "e", "Edit", "Open the line that matters in $EDITOR.", 8),
    _run("restart", "ctrl+r", "Restart", "Start a lost explorer again."),
    _look("filter", "slash", "Filter", "Filter tests; in a trace, find spans.", 4),
    _look("next-failure", "n", "Next ✗", "Go to the next failing test.", 7, "failure(1)"),
    _look("previous-failure", "N", "", "Go to the previous failing test.", method="failure(-1)"),
    _look("used-by", "u", "Used by", "Turn the tests round: by function.", 9),
    _look("polluter", "P", "", "Go to the test this one fails after."),
    _look("running", "W", "Running", "Show what runs now, and where it hangs.", 3),
    _look("missed", "m", "", "Go to the test that selection missed."),
    _look("trace", "t", "Trace", "Show the trace on the full screen.", 10),
    _look("tab-trace", "1", "", "Show what the test did.", method="tab('trace')"),
    _look("tab-failure", "2", "", "Show why the test failed.", method="tab('failure')"),
    _look("tab-output", "3", "", "Show what the test printed.", method="tab('output')"),
    _look("tab-source", "4", "", "Show the test's source.", method="tab('source')"),
    _look("next-tab", "right_square_bracket", "", "Show the next tab.", method="next_tab(1)"),
    _look("previous-tab", "left_square_bracket", "", "Show the previous tab.", method="next_tab(-1)"),
    _look("theme", "T", "", "Change between dark and light.", method="turn_theme"),
    _look("help", "question_mark", "Help", "Show all keys.", 3),
    Action("part-help", "f1", "", "Explain what has the focus.", "Look", method="app.part_help"),
    Action(
        "palette", "ctrl+p", "Palette", "Find any action by name.", "Look", rank=13, method="command_palette"
    ),
    Action(
        "quit",
        "q,ctrl+c,ctrl+q",
        "Quit",
        "Leave; the last one ends the explorer.",
        "Run",
        rank=4,
    ),
    Action("switch", "tab", "", "From the tests to the tabs and back.", "Move", in_palette=True),
    Action("back", "escape", "", "Close what is on top, or go back.", "Move", in_palette=True),
    _move("up", "up,k", "One line up."),
    _move("down", "down,j", "One line down."),
    _move("page-up", "pageup,ctrl+b", "One page up."),
    _move("page-down", "pagedown,ctrl+f", "One page down."),
    _move("half-up", "ctrl+u", "Half a page up."),
    _move("half-down", "ctrl+d", "Half a page down."),
    _move("first", "g,home", "To the first line."),
    _move("last", "G,end", "To the last line."),
    _move("choose", "enter", "Open a test, or a span's details."),
    _move("fold", "left,h", "Fold, or go to what is above.", "tree"),
    _move("unfold", "right,l", "Unfold, or go to what is below.", "tree"),
    _move("turn", "space", "Fold or unfold.", "tree"),
    _move("unfold-all", "E", "Unfold everything.", "tree"),
    _move("fold-all", "C", "Fold everything but folders.", "tree"),
    Action("columns", "v", "", "Show figures from traces, or not.", "Look", where="tree"),
    Action("sort", "s", "", "Sort by time, queries, growth and so on.", "Look", where="tree"),
    _move("scroll-left", "left,h", "Scroll to the left.", "text"),
    _move("scroll-right", "right,l", "Scroll to the right.", "text"),
    _trace("trace-fold", "left,h", "", "Fold the span, or go to its parent."),
    _trace("trace-unfold", "right,l", "", "Unfold it, or go to its first child."),
    _trace("trace-toggle", "space", "Fold", "Fold or unfold the span.", 4),
    _trace("trace-unfold-all", "E", "Unfold all", "Unfold everything.", 12),
    _trace("trace-fold-all", "C", "Fold all", "Fold everything.", 12),
    _trace("trace-level-less", "left_curly_bracket", "", "Show one level less.", method="trace_level(-1)"),
    _trace("trace-level-more", "right_curly_bracket", "", "Show one level more.", method="trace_level(1)"),
    _trace("trace-group", "equals_sign", "Group", "Group equal neighbours, or not.", 13),
    _trace("trace-next-error", "full_stop", "Next error", "Go to the next failed span, or difference.", 3),
    _trace("trace-previous-error", "comma", "", "Go to the previous one."),
    _trace("trace-next-same", "asterisk", "Next same", "Go to the next span that does the same.", 9),
    _trace("trace-previous-same", "number_sign", "", "Go to the previous span that does the same."),
    _trace("trace-next-match", "n", "", "Go to the next match of the search."),
    _trace("trace-previous-match", "N", "", "Go to the previous match of the search."),
    _span("trace-filter", "ampersand", "Only", "Show only spans like: kind:sql >5ms.", 4),
    _trace("trace-zoom-fit", "z", "Zoom", "Zoom to the span; once more: back.", 2),
    _trace("trace-zoom-in", "plus", "", "Zoom in on the span.", method="trace_zoom(1)"),
    _trace("trace-zoom-out", "minus", "", "Zoom out.", method="trace_zoom(-1)"),
    _trace("trace-zoom-reset", "0", "All time", "Show all of the time.", 1),
    _trace("trace-earlier", "less_than_sign,shift+left", "", "Show the time before.", method="trace_pan(-1)"),
    _trace("trace-later", "greater_than_sign,shift+right", "", "Show the time after.", method="trace_pan(1)"),
    _trace("trace-pin", "P", "Pin", "Keep these details, wherever you go.", 11),
    _analyse("findings", "i", "Findings", "Show what was found in the trace.", 7),
    _analyse("statistics", "S", "", "Show times by operation."),
    _analyse("critical-path", "c", "", "Show the critical path."),
    _trace("trace-tail", "L", "Follow", "Follow the newest span again.", 12),
    _span("trace-copy", "y", "Copy", "Copy the SQL, address, value or message.", 7),
    _span("trace-source", "o", "Source", "Open its line, or a frame, in $EDITOR.", 5),
    _span("trace-explain", "X", "Explain", "EXPLAIN ANALYZE on what the test left.", 6),
    _trace("compare", "D", "Compare", "Compare: last pass, run before, none.", 1),
    _span("compare-other", "O", "Other test", "Compare with another test's trace.", 4),
    _details("details-fold", "space,right,left,h,l", "Fold", "In the details: fold, unfold a value.", 2),
    _details(
        "details-next",
        "n,full_stop",
        "Next",
        "In the details: next frame or value.",
        3,
        "details_next(1)",
    ),
    _details(
        "details-previous", "N,comma", "", "In the details: to the one before.", method="details_next(-1)"
    ),
)

BY_ID: Final = {action.id: action for action in ACTIONS}

_NAMES: Final = {
    "slash": "/", "question_mark": "?", "full_stop": ".", "comma": ",", "equals_sign": "=",
    "left_square_bracket": "[", "right_square_bracket": "]", "escape": "Esc", "enter": "Enter",
    "left_curly_bracket": "{", "right_curly_bracket": "}", "asterisk": "*", "number_sign": "#",
    "ampersand": "&", "plus": "+", "minus": "-", "less_than_sign": "<", "greater_than_sign": ">",
    "space": "Space", "tab": "Tab", "up": "↑", "down": "↓", "left": "←", "right": "→",
    "shift+left": "⇧←", "shift+right": "⇧→", "pageup": "PgUp",
    "pagedown": "PgDn", "home": "Home", "end": "End",
}  # fmt: skip
_CHARACTERS: Final = {
    **{shown: name for name, shown in _NAMES.items() if len(shown) == 1 and shown.isascii()},
    "!": "exclamation_mark", "@": "at", "$": "dollar_sign", "%": "percent_sign", "(": "left_parenthesis",
    ")": "right_parenthesis", "_": "underscore", ";": "semicolon", ":": "colon", "'": "apostrophe",
    '"': "quotation_mark", "|": "vertical_line", "\\": "backslash", "~": "tilde", "`": "grave_accent",
    "^": "circumflex_accent", " ": "space",
}  # fmt: skip
_FUNCTION_KEY: Final = re.compile(r"f\d+")
_KEY: Final = re.compile(
    r"((ctrl|shift|alt|super|meta)\+)*"
    r"([A-Za-z0-9]|f([1-9]|1[0-9]|2[0-4])|up|down|left|right|home|end|pageup|pagedown|insert|delete|backspace|"
    r"enter|escape|space|tab|" + "|".join(sorted(set(_CHARACTERS.values()))) + r")"
)


def display(keys: str, limit: int = 2) -> str:
    """Return keys as they are written on keyboards: `/`, `Esc`, `^P`."""
    shown = []
    for key in keys.split(",")[:limit]:
        name = _NAMES.get(key, key.upper() if _FUNCTION_KEY.fullmatch(key) else key)
        shown.append(f"^{name[5:].upper()}" if name.startswith("ctrl+") else name)
    return " ".join(shown)


def key_map(overrides: Mapping[str, str]) -> dict[str, str]:
    """Return the keys of every action, the user's in place of ours.

    Args:
        overrides: Action to keys as in `[tool.enctest.keys]`; an empty string takes the key away.

    Raises:
        EnctestError: An action or a key does not exist, or a key would ask for two things.
    """
    keys = {action.id: action.keys for action in ACTIONS}
    for name, wanted in overrides.items():
        if name not in keys:
            raise EnctestError(
                f"[tool.enctest.keys] names an unknown action: {name!r}", suggestion(name, list(keys))
            )
        keys[name] = ",".join(_parse(name, wanted))
    for first, second, key in _clashes(keys):
        if first in overrides or second in overrides:
            raise EnctestError(
                f"[tool.enctest.keys] gives {display(key)!r} to both {first!r} and {second!r}",
                f"Give {second if first in overrides else first!r} another key, or none: "
                f'{second if first in overrides else first} = "".',
            )
    return keys


def _parse(action: str, wanted: str) -> Iterable[str]:
    for part in [] if not wanted.strip() else wanted.split(","):
        key = part.strip()
        key = _CHARACTERS.get(key, key)
        if not _KEY.fullmatch(key):
            raise EnctestError(
                f"[tool.enctest.keys] {action} = {wanted!r}: {part.strip()!r} is not a key",
                'Keys look like "F", "ctrl+t", "f5" or "slash"; several are separated by commas.',
            )
        yield key


def _clashes(keys: Mapping[str, str]) -> Iterable[tuple[str, str, str]]:
    """Yield pairs of actions that one key would ask for, but for those that share it by default."""
    for at, one in enumerate(ACTIONS):
        for other in ACTIONS[at + 1 :]:
            shared = set(keys[one.id].split(",")) & set(keys[other.id].split(",")) - {""}
            by_default = set(one.keys.split(",")) & set(other.keys.split(","))
            for key in sorted(shared - by_default):
                if one.where == other.where or {one.where, other.where} & {"app", "list"}:
                    yield one.id, other.id, key


def footer(where: Iterable[Where]) -> list[Action]:
    """Return what the footer can show when such lists are focused; what is special there comes first."""
    places = set(where)
    return sorted((a for a in ACTIONS if a.rank and a.where in places), key=lambda a: a.where == "app")
