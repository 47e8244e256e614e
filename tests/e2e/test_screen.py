"""The whole app in a terminal, by keyboard."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pytest
from tests.e2e.conftest import MakeSample
from tests.e2e.terminal import Terminal
from tests.e2e.test_databases import FILES as ITEMS
from tests.harness import Sample, processes_of, wait_until

START = [sys.executable, "-P", "-c", "import sys; from enctest_tui.main import main; sys.exit(main())"]


@contextmanager
def opened(
    project: Sample, *args: str, size: tuple[int, int] = (120, 40), env: Mapping[str, str] | None = None
) -> Iterator[Terminal]:
    terminal = Terminal([*START, *args], cwd=project.root, env={**project.env, **(env or {})}, size=size)
    try:
        yield terminal
    finally:
        terminal.close()


def test_break_see_repair_quit(sample: MakeSample) -> None:
    project = sample(
        ITEMS
        | {
            "shop.py": """
                import logging

                def total(prices):
                    logging.warning("adding up")
                    return sum(prices)
                """,
            "test_shop.py": "import shop\n\ndef test_total():\n    assert shop.total([1, 2]) == 3\n",
        }
    )
    with opened(project) as terminal:
        terminal.see("test_total", "test_insert", "✓ 4", "watching")
        project.replace("shop.py", "sum(prices)", "sum(prices) + 1")
        terminal.see("✗ 1", "shop.py", "1 of 4")
        terminal.press("n")
        terminal.see("assert 4 == 3")
        terminal.press("1")
        screen = terminal.see("test_total", "setup", "call", "teardown", "adding up")
        assert "changed" in screen
        project.replace("shop.py", "sum(prices) + 1", "sum(prices)")
        terminal.see("✓ 4")
        terminal.press("q")
        assert terminal.ended() == 0
    wait_until("nothing is left", lambda: not processes_of(project.runtime))
    assert not list(project.runtime.rglob("*.sock"))


def test_a_hanging_test_shows_where_and_can_be_stopped(sample: MakeSample) -> None:
    files = {
        "test_slow.py": """
            import time

            def test_hang():
                time.sleep(1000)

            def test_ok():
                pass
            """
    }
    project = sample(files)
    with opened(project, "-p", "no:randomly") as terminal:
        terminal.see("test_hang")
        terminal.press("j")
        terminal.see("test_hang", "call")
        terminal.press("x")
        terminal.see("watching", "stopped")
        project.replace("test_slow.py", "time.sleep(1000)", "pass")
        terminal.see("✓ 2")
        terminal.press("q")
        assert terminal.ended() == 0
    wait_until("nothing is left", lambda: not processes_of(project.runtime))


@pytest.mark.parametrize("size", [(80, 24), (60, 20), (200, 60)])
def test_every_size(sample: MakeSample, size: tuple[int, int]) -> None:
    project = sample({"test_a.py": "def test_a():\n    pass\n"})
    with opened(project, size=size) as terminal:
        terminal.see("test_a", "✓")
        terminal.press("?")
        terminal.see("Run every test")
        terminal.press("\x1b")
        wait_until("the help is gone", lambda: "Run every test" not in terminal.text())
        terminal.press("q")
        assert terminal.ended() == 0


def test_ctrl_c_at_once_leaves_nothing(sample: MakeSample) -> None:
    project = sample(ITEMS)
    for pause in ("", "watching", "test_insert"):
        with opened(project) as terminal:
            if pause:
                terminal.see(pause)
            terminal.press("\x03")
            terminal.press("q")
            terminal.ended()
        wait_until("nothing is left", lambda: not processes_of(project.runtime))


def test_usage_errors_are_one_line_and_a_hint(sample: MakeSample) -> None:
    project = sample({})
    with opened(project, "--python", "nowhere") as terminal:
        assert terminal.ended() == 4
        terminal.see("no such interpreter")
        assert "Traceback" not in terminal.text()
