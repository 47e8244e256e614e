"""Tells that green has turned red to somebody who looks elsewhere: a bell, or a message of the desktop."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from typing import Literal

from enctest_tui.text import clean, plural

Setting = Literal["off", "bell", "desktop"]
_BELL = "\a"
_OF_777 = ("foot", "rxvt")


class Notifier:
    """Watches how many tests are bad.

    Args:
        setting: What to do when there are some and were none.
        write: Writes to the terminal.
        environment: Says which terminal it is.
    """

    def __init__(
        self, setting: Setting, write: Callable[[str], None], environment: Mapping[str, str] = os.environ
    ) -> None:
        self._setting = setting
        self._write = write
        self._environment = environment
        self._was_green = False

    def settled(self, project: str, *, good: int, bad: int) -> None:
        """Take note of how the project stands now that a run is over."""
        turned = self._was_green and bad > 0
        self._was_green = bad == 0 and good > 0
        if turned and self._setting == "bell":
            self._write(_BELL)
        elif turned and self._setting == "desktop":
            self._tell(project, f"{plural(bad, 'test')} failed")

    def _tell(self, project: str, text: str) -> None:
        environment = self._environment
        has_desktop = environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY")
        if has_desktop and shutil.which("notify-send", path=environment.get("PATH")):
            command = ["notify-send", "--app-name=enctest", f"enctest: {project}", text]
            subprocess.run(command, check=False, stdin=subprocess.DEVNULL, capture_output=True, timeout=5)
        else:
            self._write(_escape(clean(project), text, environment))


def _escape(project: str, text: str, environment: Mapping[str, str]) -> str:
    """Return what makes the terminal show a message: OSC 777 in those that know it, else OSC 9."""
    project = project.replace(";", ",")
    if environment.get("TERM", "").startswith(_OF_777):
        code = f"\x1b]777;notify;enctest: {project};{text}{_BELL}"
    else:
        code = f"\x1b]9;enctest: {project}: {text}{_BELL}"
    if environment.get("TMUX"):
        return "\x1bPtmux;" + code.replace("\x1b", "\x1b\x1b") + "\x1b\\"
    return code
