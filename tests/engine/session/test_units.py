"""How the tests of a real collection are cut into units."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from pathlib import Path

import pytest

from enctest.session.units import Unit, cut


class Collector:
    """Keeps the items of a session that only collects."""

    def __init__(self) -> None:
        self.items: list[pytest.Item] = []

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self.items = list(session.items)


def collect(folder: Path, files: Mapping[str, str]) -> list[pytest.Item]:
    """Collect a project of its own, in this process; its modules' names begin with the folder's."""
    for name, text in files.items():
        (folder / name).write_text(textwrap.dedent(text), encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    collector = Collector()
    options = ("--collect-only", "-p", "no:cacheprovider", "-p", "no:randomly", "-p", "no:terminal")
    pytest.main([*options, "--import-mode=importlib", f"--rootdir={folder.parent}", str(folder)], [collector])
    return collector.items


def names(items: list[pytest.Item], units: list[Unit]) -> list[list[str]]:
    return [[item.name for item in items[unit.first : unit.end]] for unit in units]


TEN = "\n".join(f"def test_{index}(): pass" for index in range(10))


def test_a_file_stays_whole_where_it_holds_up_nobody(tmp_path: Path) -> None:
    items = collect(
        tmp_path, {f"test_{name}.py": "def test_1(): pass\ndef test_2(): pass" for name in "abcdefgh"}
    )
    assert len(items) == 16
    assert names(items, cut(items, 1, {})) == [["test_1", "test_2"]] * 8


def test_a_big_file_is_cut_and_the_slowest_comes_first(tmp_path: Path) -> None:
    items = collect(tmp_path, {"test_big.py": TEN, "test_small.py": "def test_slow(): pass"})
    units = cut(items, 2, {items[10].nodeid: 5000.0} | {item.nodeid: 1.0 for item in items[:10]})
    assert names(items, units)[0] == ["test_slow"]
    assert len(units) == 2  # ten quick tests hold up nobody
    units = cut(items, 2, {item.nodeid: 100.0 for item in items})
    assert len(units) > 5
    assert sorted(index for unit in units for index in range(unit.first, unit.end)) == list(range(11))


def test_tests_that_share_a_fixture_stay_together(tmp_path: Path) -> None:
    items = collect(
        tmp_path,
        {
            "test_shared.py": """
            import pytest

            @pytest.fixture(scope="module")
            def server(): return object()

            def test_free_1(): pass
            def test_free_2(): pass
            def test_a(server): pass
            def test_between(): pass
            def test_b(server): pass
            def test_free_3(): pass

            class TestKind:
                @classmethod
                def setup_class(cls): pass
                def test_c(self): pass
                def test_d(self): pass

            class TestOther:
                @classmethod
                def setup_class(cls): pass
                def test_e(self): pass
            """
        },
    )
    units = cut(items, 8, {item.nodeid: 100.0 for item in items})
    together = [set(each) for each in names(items, units)]
    assert {"test_a", "test_between", "test_b"} in together
    assert {"test_c", "test_d"} in together
    assert {"test_e"} in together
    assert {"test_free_1"} in together


def test_the_order_of_a_shared_parameter_is_kept(tmp_path: Path) -> None:
    files = {
        "conftest.py": """
            import pytest

            @pytest.fixture(scope="session", params=[1, 2])
            def base(request): return request.param
            """,
        "test_a.py": "def test_a(base): pass",
        "test_b.py": "def test_b(base): pass",
    }
    items = collect(tmp_path, files)
    assert [item.name for item in items] == ["test_a[1]", "test_b[1]", "test_a[2]", "test_b[2]"]
    units = cut(items, 2, {items[3].nodeid: 9000.0})
    assert [unit.first for unit in units] == [0, 1, 2, 3]
