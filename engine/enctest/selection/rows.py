"""What the dependency index knows, as plain structs that a store can keep."""

from __future__ import annotations

import msgspec

from enctest.selection.fingerprint import Fingerprint


class TestRow(msgspec.Struct, frozen=True, kw_only=True):
    """What one test needs.

    Attributes:
        test: Node id.
        roots: Files whose module level it needs, its own file first.
        blocks: Numbers of the functions that ran in it: sorted unsigned 32-bit integers of this machine.
        needs: Numbers of the files of `roots` and `blocks`, likewise.
        files: Data files and the like, spelled as in `dependencies.ModuleRecorded`.
        absent: Module names it looked for in vain.
        opaque: It started a process whose work was not seen.
        wider: Those of `files` that an audit added, for a change of them that was missed.
    """

    __test__ = False

    test: str
    roots: tuple[str, ...]
    blocks: bytes
    needs: bytes
    files: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    opaque: bool = False
    wider: tuple[str, ...] = ()


class FileRow(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one project file.

    Attributes:
        path: Relative to the root.
        number: The file's number, never used again for another.
        fingerprint: What it says, as of the last `remember`.
        digest: SHA-256 (hex) of what was compiled last, empty when it never was.
        names: Function to its number; numbers are unique among all files.
        imports: Files whose module level it needs.
        blocks: Numbers of the functions that run when it is imported.
        files, absent, opaque: As in `TestRow`, for its import.
    """

    path: str
    number: int
    fingerprint: Fingerprint | None = None
    digest: str = ""
    names: dict[str, int] = {}
    imports: tuple[str, ...] = ()
    blocks: tuple[int, ...] = ()
    files: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    opaque: bool = False


class FormerRow(msgspec.Struct, frozen=True, kw_only=True):
    """States that a file had before, newest first."""

    path: str
    states: tuple[FileRow, ...]


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """Rows that are new or different, and tests that are gone, since the last time they were asked for."""

    tests: tuple[TestRow, ...] = ()
    files: tuple[FileRow, ...] = ()
    former: tuple[FormerRow, ...] = ()
    gone_tests: tuple[str, ...] = ()


class Affection(msgspec.Struct, frozen=True, kw_only=True):
    """What a change affects.

    Attributes:
        tests: Node id to the reason, one sentence.
        new_in: Test files to collect whole: they may hold tests that are not known yet.
        everything: Why every test is affected, known or not; empty when that is not so.
    """

    tests: dict[str, str] = {}
    new_in: frozenset[str] = frozenset()
    everything: str = ""


def function_name(test: str) -> str:
    """Return the name of the function in a node id."""
    return test.partition("[")[0].rpartition("::")[2]
