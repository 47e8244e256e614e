"""What tests depend on, told by workers: records that only the selection index reads.

`run` is the number of the process that tells, see `Job.stream`.
"""

from __future__ import annotations

from enctest.record import Event


class BlocksDeclared(Event, frozen=True, kw_only=True):
    """Numbers for the functions of one project file, valid for this worker's later records.

    Function i of `names` (qualified names in source order, a repeated one with `#2`, `#3`...) has the
    number `first + i`. `digest` is the SHA-256 (hex) of the source that was compiled.
    """

    run: int
    path: str
    digest: str
    first: int
    names: tuple[str, ...]


class ModuleRecorded(Event, frozen=True, kw_only=True):
    """What importing one project file needed.

    `imports` are project files, `blocks` the numbers of functions that ran while it was imported,
    `files` data files it read, folders it listed (those end in `/`), files it looked at without reading
    them (`?path`), files of whose functions it asked for the default values (`&path`) and environment
    variables it read (`$NAME`, `$*` for all), `absent` module names it looked for in vain;
    all paths are relative to the root. `opaque`: a process was started whose work was not seen, so that any
    change of the project counts.
    """

    run: int
    path: str
    imports: tuple[str, ...] = ()
    blocks: tuple[int, ...] = ()
    files: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    opaque: bool = False


class TestRecorded(Event, frozen=True, kw_only=True):
    """What one test needed, shared fixtures included; `roots` are its test file (first) and its conftests.

    `opaque` is as in `ModuleRecorded`.
    """

    __test__ = False

    run: int
    test: str
    roots: tuple[str, ...]
    blocks: tuple[int, ...] = ()
    files: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    databases: tuple[str, ...] = ()
    opaque: bool = False


class ModulesImported(Event, frozen=True, kw_only=True):
    """Third-party modules a run used, in import order, for the next host to import ahead.

    `sets` are the environment variables that the project set meanwhile: a module that reads one of them has
    to be imported after that.
    """

    run: int
    names: tuple[str, ...]
    sets: tuple[str, ...] = ()


DependencyRecord = BlocksDeclared | ModuleRecorded | TestRecorded | ModulesImported
