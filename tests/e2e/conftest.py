from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from tests.harness import Sample

MakeSample = Callable[[Mapping[str, str]], Sample]


@pytest.fixture
def sample(tmp_path: Path) -> Iterator[MakeSample]:
    """Make a project of these files."""
    made: list[Sample] = []

    def make(files: Mapping[str, str]) -> Sample:
        made.append(Sample(tmp_path, files))
        return made[-1]

    yield make
    for project in made:
        shutil.rmtree(project.runtime)
