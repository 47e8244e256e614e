"""What a save does, seen from outside."""

from __future__ import annotations

import os
import signal

from tests.e2e.conftest import MakeSample
from tests.harness import PATIENCE, explorers_of, processes_of, wait_until

SHOP = {
    "shop/__init__.py": "",
    "shop/prices.py": """
        RATE = 2

        def gross(net):
            return net * RATE

        def unused():
            return 1
        """,
    "shop/mail.py": """
        def greeting(name):
            return f"Dear {name}"
        """,
    "tests/test_prices.py": """
        from shop.prices import gross

        def test_gross():
            assert gross(2) == 4

        def test_zero():
            assert gross(0) == 0
        """,
    "tests/test_mail.py": """
        from shop.mail import greeting

        def test_greeting():
            assert greeting("Ada") == "Dear Ada"
        """,
    "pyproject.toml": '[tool.pytest.ini_options]\npythonpath = ["."]\n',
}
PRICES = {"tests/test_prices.py::test_gross", "tests/test_prices.py::test_zero"}
MAIL = {"tests/test_mail.py::test_greeting"}


def test_the_first_run_is_everything_and_then_a_save_runs_what_it_affects(sample: MakeSample) -> None:
    with sample(SHOP).watch() as watch:
        assert watch.outcomes() == dict.fromkeys(PRICES | MAIL, "passed")
        ran = watch.edit("shop/prices.py", "net * RATE", "net * RATE + 1")
        assert ran == dict.fromkeys(PRICES, "failed")
        change = watch.new("change")[0]
        assert change["paths"] == ["shop/prices.py"]
        assert change["t_saved"] <= change["t"]
        ran = watch.edit("shop/prices.py", "net * RATE + 1", "net * RATE")
        assert ran == dict.fromkeys(PRICES, "passed")


def test_a_module_constant_reaches_the_tests_that_import_it(sample: MakeSample) -> None:
    with sample(SHOP).watch() as watch:
        assert set(watch.edit("shop/prices.py", "RATE = 2", "RATE = 3")) == PRICES


def test_comments_formatting_and_touches_run_nothing(sample: MakeSample) -> None:
    project = sample(SHOP)
    with project.watch() as watch:
        assert watch.edit("shop/mail.py", "def greeting", "# said to customers\n\ndef greeting") == {}
        watch.mark()
        (project.root / "shop/prices.py").touch()
        assert watch.edit("shop/mail.py", "# said", "# written") == {}
        assert [event["paths"] for event in watch.new("change")] == [["shop/mail.py"]]


def test_a_new_test_runs_alone_and_a_deleted_one_is_gone(sample: MakeSample) -> None:
    project = sample(SHOP)
    with project.watch() as watch:
        ran = watch.edit(
            "tests/test_mail.py", "def test_greeting", "def test_new():\n    pass\n\ndef test_greeting"
        )
        assert ran == {"tests/test_mail.py::test_new": "passed"}
        watch.mark()
        (project.root / "tests/test_mail.py").unlink()
        watch.idle()
        assert watch.outcomes() == {}
    assert set(project.enctest("affected", "--changed", "shop/mail.py").stdout.split()) == set()


def test_a_new_file_and_a_renamed_one_run(sample: MakeSample) -> None:
    project = sample(SHOP)
    with project.watch() as watch:
        watch.mark()
        project.write("tests/deep/test_more.py", "def test_more():\n    pass\n")
        watch.wait_for("test_finished", test="tests/deep/test_more.py::test_more", outcome="passed")
        watch.idle()
        watch.mark()
        (project.root / "tests/test_mail.py").rename(project.root / "tests/test_post.py")
        watch.wait_for("test_finished", test="tests/test_post.py::test_greeting", outcome="passed")
        watch.idle()


def test_a_failed_test_stays_selected_until_it_passes(sample: MakeSample) -> None:
    with sample(SHOP).watch() as watch:
        watch.edit("tests/test_mail.py", '"Dear Ada"', '"Hi Ada"')
        ran = watch.edit("shop/prices.py", "net * RATE", "RATE * net")
        assert ran == {**dict.fromkeys(PRICES, "passed"), "tests/test_mail.py::test_greeting": "failed"}


def test_a_later_start_runs_only_what_changed_meanwhile(sample: MakeSample) -> None:
    project = sample(SHOP)
    with project.watch() as watch:
        assert watch.outcomes()
    with project.watch() as watch:
        assert watch.outcomes() == {}
        assert {test for event in watch.new("collected") for test in event["tests"]} == PRICES | MAIL
    project.replace("shop/mail.py", "Dear", "Hello")
    with project.watch() as watch:
        assert watch.outcomes() == dict.fromkeys(MAIL, "failed")


def test_a_save_during_a_run_is_not_lost(sample: MakeSample) -> None:
    files = SHOP | {
        "tests/test_slow.py": """
            import time
            from shop.mail import greeting

            def test_slow():
                time.sleep(0.7)

            def test_after():
                assert greeting("") == "Dear "
            """
    }
    project = sample(files)
    with project.watch() as watch:
        watch.mark()
        project.replace("tests/test_slow.py", "time.sleep(0.7)", "time.sleep(0.8)")
        watch.wait_for("test_started", test="tests/test_slow.py::test_slow")
        project.replace("shop/mail.py", "Dear", "Hello")
        watch.idle()
        last = watch.outcomes()
        assert last["tests/test_slow.py::test_slow"] == "passed"
        assert last["tests/test_slow.py::test_after"] == "failed"
        assert last["tests/test_mail.py::test_greeting"] == "failed"


def test_edits_of_equal_size_within_one_second_are_seen(sample: MakeSample) -> None:
    """Bytecode files are known to be stale by time and size alone."""
    with sample(SHOP).watch() as watch:
        for old, new, outcome in (
            ("Dear", "Deer", "failed"),
            ("Deer", "Dear", "passed"),
            ("Dear", "Duar", "failed"),
        ):
            assert watch.edit("shop/mail.py", old, new) == dict.fromkeys(MAIL, outcome)


def test_ids_that_change_at_every_collection_are_neither_new_nor_gone(sample: MakeSample) -> None:
    files = {
        "test_time.py": """
            import time
            import pytest

            @pytest.mark.parametrize("now", [str(time.time_ns()), "fixed"])
            def test_now(now):
                pass

            def test_other():
                pass
            """
    }
    with sample(files).watch() as watch:
        ran = watch.edit("test_time.py", "def test_other():\n    pass", "def test_other():\n    assert 1")
        assert ran == {"test_time.py::test_other": "passed"}


def test_tests_that_write_what_they_read_do_not_run_for_ever(sample: MakeSample) -> None:
    files = {
        "test_log.py": """
            import pathlib, time

            def test_log():
                path = pathlib.Path("log.txt")
                before = path.read_text() if path.exists() else ""
                path.write_text(before + str(time.time_ns()))
            """
    }
    with sample(files).watch() as watch:
        watch.mark()
        ran = watch.edit("test_log.py", "before +", "before  + ''  +")
        assert ran == {"test_log.py::test_log": "passed"}
        assert len(watch.new("run_started")) <= 5


def test_an_explorer_that_is_killed_leaves_nothing_and_forgets_nothing(sample: MakeSample) -> None:
    project = sample(SHOP | {"tests/test_slow.py": "import time\n\ndef test_slow():\n    time.sleep(0)\n"})
    with project.watch() as watch:
        watch.mark()
        project.replace("tests/test_slow.py", "sleep(0)", "sleep(1000)")
        watch.wait_for("test_started", test="tests/test_slow.py::test_slow")
        for pid in explorers_of(project.runtime):
            os.kill(pid, signal.SIGKILL)
        assert watch.process.wait(PATIENCE) == 3
        assert "the explorer" in watch.text()
        wait_until("no host or worker is left", lambda: not processes_of(project.root))
    project.replace("tests/test_slow.py", "sleep(1000)", "sleep(0.001)")
    with project.watch() as watch:
        assert watch.outcomes() == {"tests/test_slow.py::test_slow": "passed"}
