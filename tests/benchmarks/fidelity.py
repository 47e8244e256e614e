"""Does `enctest` give every test of real suites the outcome that plain pytest gives it?

    python -m tests.benchmarks.fidelity [--cache FOLDER] [--watch | --workers N] [NAME ...]

runs plain pytest and `enctest` (or `enctest watch`, or `enctest -n N`) on each suite of `suites.py`, prints
the node ids whose outcomes differ, and exits with 1 if there are any. Tests that plain pytest itself judges
differently in two runs are listed but do not count.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from dataclasses import dataclass

from tests.benchmarks.outcomes import Result, run
from tests.benchmarks.suites import Prepared, add_arguments, prepare_chosen
from tests.benchmarks.watched import watch

from enctest.errors import EnctestError

SHOWN = 20
"""Differences that are printed, per suite."""


@dataclass(frozen=True)
class Difference:
    """A test and how it ended here and there; empty where it did not run."""

    test: str
    plain: str
    enctest: str


def differences(plain: dict[str, str], other: dict[str, str]) -> list[Difference]:
    """Return the tests whose outcomes differ, by node id."""
    return [
        Difference(test, plain.get(test, ""), other.get(test, ""))
        for test in sorted(plain.keys() | other.keys())
        if plain.get(test) != other.get(test)
    ]


def compare(prepared: Prepared, *, plain_only: bool, watched: bool, workers: int) -> bool:
    """Run a suite both ways and print what came of it; return whether they agree."""
    pytest = [str(prepared.python), "-m", "pytest", "-p", "no:enctest"]
    plain = run(prepared, pytest)
    describe(prepared, "pytest", plain)
    if plain_only or not plain.outcomes:
        return bool(plain.outcomes)
    parallel = ["-n", str(workers)] if workers else []
    enctest = watch(prepared) if watched else run(prepared, [str(prepared.bin / "enctest"), *parallel])
    describe(prepared, " ".join(["enctest", *parallel, *(["watch"] if watched else [])]), enctest)
    found = differences(plain.outcomes, enctest.outcomes)
    if not found and (watched or plain.exit_code == enctest.exit_code):
        return True
    again = run(prepared, pytest)
    unstable = {each.test for each in differences(plain.outcomes, again.outcomes)}
    tell_differences(found, unstable)
    codes = {plain.exit_code, again.exit_code}
    if all(each.test in unstable for each in found) and (watched or enctest.exit_code in codes):
        return True
    tell_end(enctest)
    return False


def tell_differences(found: list[Difference], unstable: set[str]) -> None:
    """Print the first differences, one a line."""
    for each in found[:SHOWN]:
        note = "  (plain pytest is not sure either)" if each.test in unstable else ""
        print(f"  {each.test}: pytest {each.plain or '-'}, enctest {each.enctest or '-'}{note}")
    if len(found) > SHOWN:
        print(f"  and {len(found) - SHOWN} more")


def describe(prepared: Prepared, command: str, result: Result) -> None:
    """Print one line about a run."""
    suite = f"{prepared.suite.name} {prepared.suite.version}"
    print(
        f"{suite:20} {command:13} {result.seconds:6.2f} s  exit {result.exit_code}  {result.summary}",
        flush=True,
    )


def tell_end(result: Result) -> None:
    """Print the last lines of a run's output."""
    for line in result.output.splitlines()[-8:]:
        print(f"  | {line}")


def main() -> int:
    """Compare the chosen suites."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.fidelity", description=__doc__)
    add_arguments(parser)
    parser.add_argument("--plain-only", action="store_true", help="run plain pytest only")
    parser.add_argument("--watch", action="store_true", help="compare with the first run of `enctest watch`")
    parser.add_argument("--workers", type=int, default=0, help="run the tests in so many processes")
    options = parser.parse_args()
    try:
        agree = [
            compare(each, plain_only=options.plain_only, watched=options.watch, workers=options.workers)
            for each in prepare_chosen(options)
        ]
    except (EnctestError, subprocess.TimeoutExpired) as error:
        print(error, file=sys.stderr)
        return 2
    return 0 if all(agree) else 1


if __name__ == "__main__":
    sys.exit(main())
