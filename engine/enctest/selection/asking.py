"""Whom it concerns when code asks for something: a module, a file, a variable, a name that is nowhere."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import ModuleType

from enctest.selection.callers import Asker, Callers
from enctest.selection.definitions import Definitions
from enctest.selection.imports import ImportGraph
from enctest.selection.owners import Ledger, Owner
from enctest.selection.templates import Templates


class Asking:
    """Credits what is asked for to whoever owns what happens now, and to those who may get it later.

    Args:
        ledger: Who owns what happens now.
        graph: Knows the project's modules.
        definitions: Knows its functions.
        callers: Tells the project's code from other code.
        templates: Knows which files' users are known already.
        module: Gives the owner of a file.
    """

    def __init__(
        self,
        ledger: Ledger,
        graph: ImportGraph,
        definitions: Definitions,
        callers: Callers,
        templates: Templates,
        module: Callable[[str], Owner],
    ) -> None:
        self._ledger = ledger
        self._graph = graph
        self._definitions = definitions
        self._callers = callers
        self._templates = templates
        self._module = module

    def used(self, path: str, asker: Asker) -> None:
        """Something was read, spelled as in `dependencies.ModuleRecorded`."""
        for owner in self._ledger.all_current:
            owner.files.add(path)
        if asker.library and not self._templates.loading:  # it may keep the content: a configuration, say
            near = self._graph.nearest()
            if near is not None:
                self._module(near.path).files.add(path)

    def missed(self, name: str) -> None:
        """A module is nowhere."""
        for owner in self._responsible():
            owner.absent.add(name)

    def computed(self, name: object, package: object) -> None:
        """A module was asked for by a computed name."""
        owners = self._responsible()
        if isinstance(name, str) and owners != [self._ledger.session]:  # else pytest imports what it collects
            self._graph.ask(owners, name, package if isinstance(package, str) else "")

    def imported(self, path: str, module: ModuleType, imports: Iterable[str]) -> None:
        """A file is about to run as `module`; `imports` are the names in its import statements."""
        owners = self._responsible()
        self._graph.add(path, module, imports, self._definitions.late_imports(path))
        if owners == [self._ledger.session] and (self._ledger.depth or path.endswith("conftest.py")):
            return  # pytest imports what it collects; that makes no test depend on it
        library = self._callers.importing_library()  # it may give the module to anybody later on
        if library and self._ledger.current.path:
            self._graph.bring(library, path)
        elif library:
            owners.append(self._ledger.session)
        for owner in owners:
            if owner.path != path:
                owner.imports.add(path)

    def _responsible(self) -> list[Owner]:
        """Return the owners of what happens now, and the function (or file) that is nearest on the stack."""
        near = self._graph.nearest()
        owners = self._ledger.all_current
        if near is not None:
            owners = [owner for owner in owners if owner is not self._ledger.session]
            owners.append(self._definitions.owner(near) or self._module(near.path))
        return owners
