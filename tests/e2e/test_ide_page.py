"""docs/ide.md: what it says to paste and to type."""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.conftest import MakeSample
from tests.e2e.test_bare_pytest import TOTAL, is_remembered, plain
from tests.e2e.test_commands import FILES
from tests.e2e.test_prepare import FILES as DATABASE

from enctest.cli.main import USAGE
from enctest_tui.actions import BY_ID
from enctest_tui.screens.ide import launch_configuration

ACTIONS = ("debug", "debug-start", "debug-ide", "debug-ide-start", "debug-ide")
"""Of the page's table, in its order."""
PAGE = Path(__file__).parents[2].joinpath("docs/ide.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """Return the page's blocks in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def test_a_project_asks_as_it_says(sample: MakeSample) -> None:
    (text,) = blocks("toml")
    assert tomllib.loads(text)["tool"]["pytest"]["ini_options"] == {"enctest": True}
    project = sample(FILES | {"pyproject.toml": text + 'pythonpath = ["."]\n'})
    assert plain(project, "-q").returncode == 0
    assert is_remembered(project, TOTAL)


def test_an_editors_arguments_are_taken(sample: MakeSample) -> None:
    settings: list[dict[str, Any]] = [json.loads(text) for text in blocks("json")]
    project = sample(FILES)
    assert plain(project, "-q", *settings[0]["python.testing.pytestArgs"]).returncode == 0
    assert is_remembered(project, TOTAL)
    (lua,) = blocks("lua")
    assert 'args = { "--enctest" }' in lua


def test_the_launch_configuration_is_the_one_that_is_shown() -> None:
    page = json.loads(blocks("json")[1])
    assert json.loads(launch_configuration(page["connect"]["port"])) == page


def test_keys_are_those_of_the_registry() -> None:
    named = re.findall(r"^\| `(\w)`", PAGE, re.MULTILINE)
    assert named == [BY_ID[name].keys for name in ACTIONS]


@pytest.mark.parametrize("line", blocks("text")[0].splitlines())
def test_commands_are_those_that_there_are(sample: MakeSample, line: str) -> None:
    text = line.partition("  ")[0]
    assert text.replace("=test.env", "") in USAGE.replace("[=FILE]", "")
    command = shlex.split(text)
    if command[-1] == "COMMAND":  # the others are in test_prepare.py: they wait for Ctrl+C
        done = sample(DATABASE).enctest(*command[1:-1], "printenv", "SHOP_NAME")
        assert done.stdout.startswith("it's ")
