"""One line to type what to look for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Input, Static


class FindBox(Horizontal):
    """A sign, the words, and how many match. Enter keeps them, Esc gives them up."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close(True)", "Clear"),
        Binding("down", "close(False)", "Keep"),
    ]

    @dataclass
    class Typed(Message):
        """The words have changed."""

        box: FindBox
        text: str

        @property
        def control(self) -> FindBox:
            """The box it happened in."""
            return self.box

    @dataclass
    class Closed(Message):
        """The user is done, by Enter if `entered`; `cleared` means that the words were given up."""

        box: FindBox
        cleared: bool
        entered: bool = False

        @property
        def control(self) -> FindBox:
            """The box it happened in."""
            return self.box

    def __init__(self, placeholder: str, *, id: str, sign: str = "/") -> None:  # noqa: A002 - Textual's word
        super().__init__(id=id)
        self._sign = sign
        self.input = Input(placeholder=placeholder, compact=True, select_on_focus=False)
        self.input.cursor_blink = False
        self._count = Static("", markup=False)
        self._said = ""

    def compose(self) -> ComposeResult:
        """Sign, input, count."""
        yield Static(self._sign, classes="sign", markup=False)
        yield self.input
        yield self._count

    @property
    def text(self) -> str:
        """What was typed."""
        return self.input.value

    def open(self) -> None:
        """Show the box and type in it."""
        self.add_class("-open")
        self.screen.set_focus(self.input)  # at once: the next keys may be there already
        self.input.focus()  # and once it is shown, since what is hidden loses the focus

    def clear(self) -> None:
        """Give the words up and hide the box."""
        self.input.value = ""
        self.remove_class("-open")

    def count(self, text: str, *, is_wrong: bool = False) -> None:
        """Say how many match, or what is wrong with the words."""
        self._count.set_class(is_wrong, "-wrong")
        if text != self._said:
            is_as_long = len(text) == len(self._said)
            self._said = text
            self._count.update(text, layout=not is_as_long)

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        event.stop()
        self.post_message(self.Typed(self, event.value))

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_close(cleared=False, entered=True)

    def action_close(self, cleared: bool, entered: bool = False) -> None:
        """Leave the box."""
        if cleared or not self.text:
            self.clear()
        self.post_message(self.Closed(self, cleared=cleared or not self.text, entered=entered))
