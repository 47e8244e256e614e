"""A plain run leaves what was there before out of garbage collections, and tests cannot tell."""

from __future__ import annotations

from pathlib import Path

from tests.harness import Sample

LOOKS = """
    import gc
    import weakref

    class Node:
        def __init__(self):
            self.me = self

    made = [Node()]
    seen = weakref.ref(made[0])

    def test_is_frozen_until_somebody_asks():
        assert gc.get_freeze_count() > 1000

    def test_objects_are_found():
        assert any(found is made[0] for found in gc.get_objects())
        assert gc.get_freeze_count() == 0

    def test_what_refers_is_found():
        assert any(found is made for found in gc.get_referrers(made[0]))

    def test_a_cycle_made_at_import_is_collected():
        made.clear()
        gc.collect()
        assert seen() is None
"""

ALONE = """
    import gc
    import weakref

    class Node:
        def __init__(self):
            self.me = self

    made = [Node()]
    seen = weakref.ref(made[0])

    def test_a_cycle_made_at_import_is_collected():
        assert gc.get_freeze_count() > 1000
        made.clear()
        gc.collect()
        assert seen() is None

    def test_the_functions_look_as_ever():
        assert gc.collect.__name__ == "collect"
        assert gc.collect.__module__ == "gc"
        assert isinstance(gc.collect(1), int)
        assert isinstance(gc.collect(generation=0), int)
"""


def test_tests_that_look_at_the_collector_see_everything(tmp_path: Path) -> None:
    sample = Sample(tmp_path, {"test_alone.py": ALONE, "test_looks.py": LOOKS})

    ordered = ("-q", "-p", "no:randomly")
    for args in (("test_alone.py",), ("test_looks.py",), ("-n", "2", "test_alone.py")):
        done = sample.enctest(*ordered, *args)
        assert done.returncode == 0, done.stdout


GARBAGE = """
    import gc

    class Leak:
        def __init__(self):
            self.me = self

        def __del__(self):
            freed.append(True)

    freed = []
    gc.disable()
    Leak()

    def test_what_was_garbage_before_the_tests_is_freed():
        gc.enable()
        assert freed or gc.collect()
        assert freed
"""


def test_garbage_of_the_collection_is_not_kept(tmp_path: Path) -> None:
    sample = Sample(tmp_path, {"test_garbage.py": GARBAGE})

    done = sample.enctest("-q")

    assert done.returncode == 0, done.stdout
