"""From changed files to what changed in them: functions, module levels, data files, names, listings."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from enctest.paths import CONFIG_FILES
from enctest.selection.environment import ALL
from enctest.selection.fingerprint import Fingerprint
from enctest.selection.paths import inspected, listings, looked_at, mentioned, module_names, spoken
from enctest.selection.unused import Project
from enctest.selection.variables import configures, is_of_the_terminal

if TYPE_CHECKING:
    from enctest.selection.index import File


@dataclass
class Delta:
    """What changed; values are reasons, for people.

    Attributes:
        everything: Why everything is affected.
        levels: Module level, by file.
        blocks: Function bodies, by number.
        data: Files that somebody may have read, and folders (ending in `/`) that somebody may have listed,
            and the like, spelled as in `dependencies.ModuleRecorded`.
        data_names: Names (without folder) of new data files: somebody may look for them in several folders.
        modules: Names under which a new module can be imported.
        folders: Folders whose tests are affected, whatever they import (a new conftest, a new package).
        tests: (file, name) of test functions that are new: they may replace one that was found elsewhere.
        grown: Files in which tests or classes are new.
        test_files: Test modules among the changed files.
        reach_processes: Something changed that a process started by a test may see.
    """

    everything: str = ""
    levels: dict[str, str] = field(default_factory=dict)
    blocks: dict[int, str] = field(default_factory=dict)
    data: dict[str, str] = field(default_factory=dict)
    data_names: dict[str, str] = field(default_factory=dict)
    modules: dict[str, str] = field(default_factory=dict)
    folders: dict[str, str] = field(default_factory=dict)
    tests: dict[tuple[str, str], str] = field(default_factory=dict)
    grown: set[str] = field(default_factory=set)
    test_files: set[str] = field(default_factory=set)
    deleted: set[str] = field(default_factory=set)
    reach_processes: bool = False


def delta(
    files: Mapping[str, File],
    changes: Mapping[str, Fingerprint | None],
    variables: Iterable[str],
    reach: Callable[[Iterable[str]], Container[str]],
) -> Delta:
    """Return what changed, against what is remembered of the files.

    Args:
        files: What is remembered.
        changes: New fingerprints, None for deleted files.
        variables: Names of environment variables with another value.
        reach: Gives the files that import any of some files, themselves included.
    """
    result = Delta()
    project = Project(files, changes, reach)
    for name in variables:
        _compare_variable(result, name)
    for path, new in changes.items():
        file = files.get(path)
        old = None if file is None else file.fingerprint
        if old is None and new is not None and file is not None and file.digest == new.digest:
            continue  # compiled by a run before anybody looked at it
        if (old is None and new is None) or (old and new and old.digest == new.digest):
            continue
        _compare(result, project, path, old, new)
    _spread_to_imports(result, files)
    return result


def _compare_variable(result: Delta, name: str) -> None:
    reason = f"`${name}` changed"
    result.data[f"${name}"] = reason
    if configures(name):
        result.everything = result.everything or reason
    if not is_of_the_terminal(name):
        result.data[ALL] = reason
        result.reach_processes = True


def _compare(
    result: Delta, project: Project, path: str, old: Fingerprint | None, new: Fingerprint | None
) -> None:
    verb = "is new" if old is None else "was deleted" if new is None else "changed"
    reason = f"`{path}` {verb}"
    name = path.rpartition("/")[2]
    if path in CONFIG_FILES or name.startswith(".env"):
        result.everything = result.everything or reason
    result.data[path] = reason
    if new is not None and new.tests:
        result.test_files.add(path)
    if old is None or new is None:
        result.reach_processes = True
        _appeared_or_gone(result, project.files, path, reason, new)
    elif path.endswith(".py"):
        _edited(result, project, project.files[path], old, new)
    else:
        result.data[looked_at(path)] = reason
        result.reach_processes = True


def _appeared_or_gone(
    result: Delta, files: Mapping[str, File], path: str, reason: str, new: Fingerprint | None
) -> None:
    known = [other for other, file in files.items() if file.fingerprint is not None]
    listed = list(listings(path, known))
    result.data.update(dict.fromkeys(listed, reason))
    result.data.update(
        dict.fromkeys(map(looked_at, (path, *listed[:-1])), reason)
    )  # all but the last are new
    folder, _, name = path.rpartition("/")
    if new is None:
        result.deleted.add(path)
        result.levels[path] = reason
    elif not path.endswith(".py"):
        result.data_names[name] = reason
    else:
        result.modules.update(dict.fromkeys(module_names(path), reason))
        result.levels[path] = reason
        result.grown.add(path)
    if name in {"conftest.py", "__init__.py"}:
        result.folders[folder] = reason


def _edited(result: Delta, project: Project, file: File, old: Fingerprint, new: Fingerprint) -> None:
    path = file.path
    changed = [name for name in {**old.blocks, **new.blocks} if old.blocks.get(name) != new.blocks.get(name)]
    added = [name for name in changed if name not in old.blocks]
    whole = old.format != new.format or any(
        _is_unprobed(file, name) for name in changed if name in old.blocks
    )
    constants = _different(old.constants, new.constants)
    level = (
        whole
        or old.level != new.level
        or _heads_differ(project, path, old, new)
        or (bool(constants) and project.uses(path, _spellings(constants), None))
    )
    if level:
        result.levels[path] = (
            f"module level of `{path}` changed" if old.blocks or new.blocks else f"`{path}` changed"
        )
    for name in changed:
        number = file.names.get(name)
        if number is not None and name not in added:
            told = next((each for each in constants if name in new.readers[each]), name)
            result.blocks[number] = (
                f"`{spoken(path, told)}` {'changed' if name in new.blocks else 'was removed'}"
            )
    for name in _different(old.defaults, new.defaults):
        result.data[inspected(path)] = f"a default value of `{spoken(path, name)}` changed"
        result.reach_processes = True
    for name in added:
        test = name.rpartition(".")[2].partition("#")[0]
        if test.startswith("test"):
            result.tests[path, test] = f"`{spoken(path, name)}` is new"
            result.grown.add(path)
    if set(new.classes) - set(old.classes):
        result.grown.add(path)
    result.reach_processes |= level or not new.tests


def _different(old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    """Return the names that are in both with other values, sorted."""
    return sorted(name for name in old.keys() & new.keys() if old[name] != new[name])


def _spellings(constants: Iterable[str]) -> list[str]:
    """Return private names also without what makes them private: somebody may put that in front."""
    return [spelling for name in constants for spelling in (name, name.lstrip("_"))]


def _heads_differ(project: Project, path: str, old: Fingerprint, new: Fingerprint) -> bool:
    """Tell whether functions came, went or have another signature, and that can be noticed."""
    came = new.heads.keys() - old.heads.keys()
    gone = old.heads.keys() - new.heads.keys()
    if any(old.heads[name] != new.heads[name] for name in old.heads.keys() & new.heads.keys()):
        return True
    return (bool(came) and project.uses(path, came, old)) or (bool(gone) and project.uses(path, gone, new))


def _is_unprobed(file: File, name: str) -> bool:
    """Tell whether calls of a function were not recorded, so that the file counts as a whole."""
    return name not in file.names and (
        not file.names or file.fingerprint is None or file.digest == file.fingerprint.digest
    )


def _spread_to_imports(result: Delta, files: Mapping[str, File]) -> None:
    """Let what is needed when a file is imported count as the file's module level."""
    for file in files.values():
        if file.path in result.levels:
            continue
        reason = _import_reason(result, file)
        if reason:
            result.levels[file.path] = f"{reason} when `{file.path}` is imported"


def _import_reason(result: Delta, file: File) -> str:
    for block in file.blocks & result.blocks.keys():
        return f"{result.blocks[block]}, which runs"
    for path in file.files & result.data.keys():
        return f"{result.data[path]}, which is read"
    for path in file.files if result.data_names else ():
        if path.rpartition("/")[2] in result.data_names:
            return f"{result.data_names[path.rpartition('/')[2]]}, which may be read"
    if result.modules and (file.absent or file.fingerprint):
        imports = file.fingerprint.imports if file.fingerprint else ()
        for name in (*file.absent, *mentioned(file.path, imports)):
            if name in result.modules:
                return f"{result.modules[name]}, which may be found"
    return (
        "something changed that a process may see, which runs"
        if file.opaque and result.reach_processes
        else ""
    )
