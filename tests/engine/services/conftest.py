"""Inner sessions of projects that use services."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from tests.harness import PATIENCE, Sample

MakeProject = Callable[[Mapping[str, str]], Sample]


@pytest.fixture
def project(tmp_path: Path) -> Iterator[MakeProject]:
    """Make a project of these files."""
    made: list[Sample] = []

    def make(files: Mapping[str, str]) -> Sample:
        made.append(Sample(tmp_path, files))
        return made[-1]

    yield make
    for one in made:
        shutil.rmtree(one.runtime)


def bare_pytest(sample: Sample, *args: str) -> subprocess.CompletedProcess[str]:
    """Run plain pytest, with our plugin as any environment has it."""
    return subprocess.run(
        [sys.executable, "-P", "-m", "pytest", "-q", "-p", "no:cacheprovider", *args],
        cwd=sample.root,
        env=sample.env | {"COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
