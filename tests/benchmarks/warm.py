"""Do warm reruns give every test the outcome that plain pytest gives it, edit after edit?

    python -m tests.benchmarks.warm [--edits N] [--seed N] [--cache FOLDER] [NAME ...]

watches a copy of each suite of `suites.py`, and saves N seeded edits one after the other: a statement without
effect in a function of the project or of its tests. Each time, the tests that ran have to end as plain pytest
ended them before; where one does not, plain pytest is asked about it on the edited copy. At the end, what the
watch knows of every test is compared with a plain run on the edited copy. Exits with 1 on any difference that
plain pytest does not show in a second run as well.
"""

from __future__ import annotations

import argparse
import ast
import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.benchmarks.fidelity import differences, tell_differences
from tests.benchmarks.outcomes import Result, run
from tests.benchmarks.save_to_result import Project
from tests.benchmarks.suites import Prepared, add_arguments, prepare_chosen
from tests.harness import Watch

from enctest.errors import EnctestError
from enctest.selection.scan import project_files

_SOURCES = ("src/", "tests/", "httpx/", "more_itertools/")


def plain(prepared: Prepared, project: Project, *tests: str) -> Result:
    """Run plain pytest on a copy, or on some tests of it."""
    command = [str(prepared.python), "-m", "pytest", "-p", "no:enctest", *tests]
    there = Prepared(prepared.suite, project.root, prepared.bin, (Path(project.env["PYTHONPATH"]),))
    return run(there, command)


def edit(root: Path, number: int, chance: random.Random) -> str:
    """Put a statement without effect into some function; return the file's path."""
    files = [path for path in project_files(root) if path.endswith(".py") and path.startswith(_SOURCES)]
    while True:
        path = chance.choice(files)
        text = (root / path).read_text(encoding="utf-8")
        functions = [
            node
            for node in ast.walk(ast.parse(text))
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.body[-1].lineno > node.lineno
        ]
        if not functions:
            continue
        last = chance.choice(functions).body[-1]
        lines = text.splitlines(keepends=True)
        lines.insert(last.lineno - 1, f"{' ' * last.col_offset}_edit = {number}\n")
        changed = "".join(lines)
        try:
            compile(changed, path, "exec")
        except SyntaxError:
            continue
        (root / path).write_text(changed, encoding="utf-8")
        return path


def compare(prepared: Prepared, edits: int, seed: int) -> bool:
    """Edit a watched copy; return whether all outcomes agree."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    agrees = True
    with tempfile.TemporaryDirectory() as folder:
        project = Project(prepared, Path(folder))
        before = plain(prepared, project).outcomes
        known: dict[str, str] = {}
        ran = 0
        with project.watch("--python", str(prepared.python), *prepared.suite.arguments) as watch:
            known |= watch.outcomes()
            for number in range(edits):
                path, outcomes = _save(watch, project, number, chance)
                known |= outcomes
                ran += len(outcomes)
                found = [
                    each for each in differences(before, {**before, **outcomes}) if each.test in outcomes
                ]
                if found:
                    fresh = plain(prepared, project, *(each.test for each in found)).outcomes
                    found = [each for each in found if fresh.get(each.test) != each.enctest]
                if found:
                    print(f"{prepared.suite.name}: after edit {number} of {path}")
                    tell_differences(found, set())
                    agrees = False
        after = plain(prepared, project).outcomes
        found = differences(after, {test: outcome for test, outcome in known.items() if test in after})
        unstable = (
            {each.test for each in differences(after, plain(prepared, project).outcomes)} if found else set()
        )
        tell_differences(found, unstable)
        agrees = agrees and all(each.test in unstable for each in found)
        print(
            f"{prepared.suite.name:16}{len(after):>6} tests {edits:>4} edits {ran:>6} reruns"
            f"{len(found):>6} differences at the end",
            flush=True,
        )
    return agrees


def _save(watch: Watch, project: Project, number: int, chance: random.Random) -> tuple[str, dict[str, str]]:
    watch.mark()
    path = edit(project.root, number, chance)
    watch.idle()
    return path, watch.outcomes()


def main() -> int:
    """Compare on the chosen suites."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.warm", description=__doc__)
    add_arguments(parser)
    parser.add_argument("--edits", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    try:
        agree = [compare(each, options.edits, options.seed) for each in prepare_chosen(options)]
    except (EnctestError, subprocess.TimeoutExpired) as error:
        print(error, file=sys.stderr)
        return 2
    return 0 if all(agree) else 1


if __name__ == "__main__":
    sys.exit(main())
