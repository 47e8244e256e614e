"""What a plain run shows to differ after a change of any kind has to be selected."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from tests.kinds import KINDS, Kind

if TYPE_CHECKING:
    from tests.engine.selection.conftest import Lab


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_all_that_differs_is_selected(kind: Kind, kinds: Lab, differing: Callable[[], set[str]]) -> None:
    kind.apply(kinds.root)
    found = kinds.ask()
    truth = differing()
    assert {name_of(test) for test in truth} >= set(kind.differs), "the edit does nothing"
    collected = found.new_in | {file_of(test) for test in found.tests}
    missed = {
        test
        for test in truth - found.tests.keys()
        if test in kinds.index.tests or file_of(test) not in collected
    }
    assert not missed
    assert len(found.tests) < len(kinds.index.tests) or found.everything
    if kind.because:
        assert any(reason.startswith(kind.because) for reason in found.tests.values())


def name_of(test: str) -> str:
    """Return the last part of a node id."""
    return test.rpartition("::")[2]


def file_of(test: str) -> str:
    """Return the file of a node id."""
    return test.partition("::")[0]


def test_a_new_test_file_is_collected_whole(kinds: Lab) -> None:
    kinds.write("tests/test_new.py", "def test_new():\n    assert False\n")
    found = kinds.ask()
    assert found.new_in == {"tests/test_new.py"}
    assert not found.tests


def test_a_new_conftest_affects_its_folder(kinds: Lab) -> None:
    kinds.write("unrelated/conftest.py", "raise OSError\n")
    assert {file_of(test) for test in kinds.ask().tests} == {"unrelated/test_alone.py"}
    kinds.write("conftest.py", "raise OSError\n")
    assert set(kinds.ask().tests) == set(kinds.index.tests)


def test_a_new_test_in_a_base_class_is_looked_for_where_it_is_inherited(kinds: Lab) -> None:
    kinds.replace(
        "tests/bases.py", "    value = 1", "    value = 1\n\n    def test_more(self):\n        pass"
    )
    assert "tests/deep/test_inherited.py" in kinds.ask().new_in


def test_pytests_configuration_affects_everything(kinds: Lab) -> None:
    kinds.replace("pyproject.toml", 'testpaths = ["tests", "unrelated"]', "")
    found = kinds.ask()
    assert found.everything == "`pyproject.toml` changed"
    assert set(found.tests) == set(kinds.index.tests)
