"""Type checkers complete and check calls through the class, and doubles."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
EXAMPLES = ROOT / "tests" / "projects" / "services"
SAMPLES = ROOT / "tests" / "projects" / "services_typed"
LINES = list(enumerate((SAMPLES / "wrong.py").read_text().splitlines(), 1))
WRONG = [number for number, line in LINES if "# wrong" in line]
FOR_MYPY_ALONE = [number for number, line in LINES if "# wrong, says mypy" in line]


def mypy(folder: Path, *paths: Path) -> tuple[list[int], str]:
    """Return the lines of errors, and all that mypy says."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "mypy", "--strict", "--config-file=", "--no-error-summary"),
            *("--explicit-package-bases", "--cache-dir", str(folder), *map(str, paths)),
        ],
        env=os.environ | {"MYPYPATH": f"{ROOT / 'engine'}:{EXAMPLES}"},
        capture_output=True,
        text=True,
        check=False,
    )
    lines = {int(number) for number in re.findall(r"\.py:(\d+): error", done.stdout)}
    return sorted(lines), done.stdout + done.stderr


def pyright(folder: Path, *paths: Path) -> tuple[list[int], str]:
    """Likewise for pyright, which basedpyright is in its `standard` mode."""
    program = shutil.which("basedpyright", path=str(Path(sys.executable).parent)) or shutil.which("pyright")
    if program is None:
        pytest.fail("basedpyright is missing: `make test` installs it")
    settings = {"include": [str(path) for path in paths], "typeCheckingMode": "standard"}
    settings |= {"extraPaths": [str(ROOT / "engine"), str(EXAMPLES)]}
    (folder / "pyrightconfig.json").write_text(json.dumps(settings))
    done = subprocess.run(
        [program, "--outputjson", "--pythonpath", sys.executable, "-p", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    told = json.loads(done.stdout)
    assert told["summary"]["filesAnalyzed"] >= len(paths)
    errors = [one for one in told["generalDiagnostics"] if one["severity"] == "error"]
    return sorted({one["range"]["start"]["line"] + 1 for one in errors}), done.stdout + done.stderr


Check = Callable[..., tuple[list[int], str]]


@pytest.mark.parametrize("check", [mypy, pyright])
def test_right_calls_are_accepted_and_wrong_ones_are_errors(check: Check, tmp_path: Path) -> None:
    found, output = check(tmp_path, SAMPLES / "right.py", EXAMPLES / "shop", EXAMPLES / "tests")
    assert found == [], output
    found, output = check(tmp_path, SAMPLES / "wrong.py")
    alone = FOR_MYPY_ALONE if check is pyright else []
    assert found == [number for number in WRONG if number not in alone], output
    assert (len(WRONG), len(FOR_MYPY_ALONE)) == (25, 1)
