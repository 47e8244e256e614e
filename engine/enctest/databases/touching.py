"""Which tables a change of SQL files touches, and which of them a query can depend on.

Read from the text, so with caution: a statement of a kind that is not known here is said to touch everything.
Names are folded to lower case and taken without their schema.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cached_property, lru_cache

from enctest.databases.statements import normalized, split

_WORD = re.compile(r"[^\W\d][\w$]*")
_NAME = r"(?:(?:\"[^\"]+\"|[\w$]+)\s*\.\s*)?(\"[^\"]+\"|[\w$]+)"
_TARGETS = [
    re.compile(pattern.replace("NAME", _NAME), re.IGNORECASE)
    for pattern in (
        r"create (?:unlogged |foreign )?table (?:if not exists )?NAME",
        r"alter (?:foreign )?table (?:if exists )?(?:only )?NAME",
        r"create (?:unique )?index .*?\bon (?:only )?NAME",
        r"alter index (?:concurrently )?(?:if exists )?NAME",
        r"create (?:or replace )?(?:recursive )?(?:materialized )?view (?:if not exists )?NAME",
        r"(?:alter|refresh) (?:materialized )?view (?:concurrently )?(?:if exists )?NAME",
        r"create (?:or replace )?(?:constraint )?trigger .*?\bon NAME",
        r"drop trigger (?:if exists )?[\w\"$]+ on NAME",
        r"(?:create|alter|drop) policy (?:if exists )?(?:\"[^\"]+\"|[\w$]+) on NAME",
        r"(?:create (?:or replace )?|alter )(?:function|procedure) NAME",
        r"(?:create|alter) (?:type|domain) NAME",
        r"(?:create|alter) sequence (?:if (?:not )?exists )?NAME",
        r"insert into NAME",
        r"update (?:only )?NAME",
        r"delete from (?:only )?NAME",
        r"select (?:pg_catalog\.)?setval ?\( ?'NAME'",
    )
]
_LISTS = re.compile(
    r"(?:drop (?:(?:foreign )?table|(?:materialized )?view|index|function|procedure|type|domain|sequence)"
    r"|truncate(?: table)?) "
    r"(?:concurrently )?(?:if exists )?(?:only )?"
    r"(?P<names>.+?)(?: cascade| restrict| restart.*| continue.*)?",
    re.IGNORECASE,
)
_ARGUMENTS = re.compile(r" ?\([^()]*\)")
# Of the others, some change what the names after them mean.
_HARMLESS = re.compile(
    r"(?:begin|commit|start transaction|analyze|lock)\b"
    r"|set (?:local |session )?"
    r"(?:\w+_timeout|check_function_bodies|client_min_messages|default_tablespace)\b",
    re.IGNORECASE,
)
_COMMENT = re.compile(r"comment on\b", re.IGNORECASE)
_FAMILY = re.compile(rf"\b(?:partition of|(?:at|de)tach partition) {_NAME}", re.IGNORECASE)
_INHERITS = re.compile(r"\b(?:no )?inherits? ?\(?(?P<names>[\w\"$., ]+)", re.IGNORECASE)
_WITHIN = re.compile(r"\bas (?:not )?(?:materialized )?\( ?(?:insert|update|delete|merge)\b", re.IGNORECASE)
_MAKES_CODE = re.compile(r"create (?:or replace )?(?:function|procedure)\b", re.IGNORECASE)
_DYNAMIC = re.compile(r"\bexecute\b(?! (?:function|procedure)\b)", re.IGNORECASE)
_INDEX = re.compile(
    r"create (?:unique )?index (?:concurrently )?(?:if not exists )?(?!on\b)" + _NAME, re.IGNORECASE
)
_RENAMED = re.compile(r"\brename to " + _NAME, re.IGNORECASE)
_REFERENCES = re.compile(r"\breferences " + _NAME, re.IGNORECASE)
_CASCADES = re.compile(r"\bon (?:delete|update) (?:cascade|set)\b", re.IGNORECASE)
_FILLS = re.compile(
    r"insert into\b|update\b|delete from\b|create (?:unlogged )?table\b.*\bas\b"
    r"|(?:create|refresh) materialized",
    re.IGNORECASE,
)
_CATALOG = re.compile(
    r"information_schema|pg_(?:class|tables|attribute|indexes|index|constraint|proc|trigger|enum|views|matviews|"
    r"sequences?|policies|depend|description|stat_user_tables|inherits|rewrite|rules|stats)|(?:obj|col)_description"
)


@lru_cache(maxsize=4096)
def words(query: str) -> frozenset[str]:
    """Return all words of a query, also those in texts; `*` when it asks the catalogs what there is."""
    found = frozenset(word.lower() for word in _WORD.findall(query))
    return found | {"*"} if any(_CATALOG.fullmatch(word) for word in found) else found


def statements(sql: str) -> list[str]:
    """Return the statements of a file, without comments, each in one form whatever its white space."""
    return [normalized(part.sql) for part in split(sql)]


@lru_cache(maxsize=8192)
def targets(statement: str) -> frozenset[str] | None:
    """Return what a statement makes, changes or fills; None when that cannot be told."""
    if _HARMLESS.match(statement):
        return frozenset()
    if _COMMENT.match(statement):
        return frozenset({"pg_description"})
    found = _named(statement)
    if not found or _WITHIN.search(statement):
        return None
    if match := _INDEX.match(statement):
        found.add(_folded(match[1]))
    if statement.lower().startswith(("create", "alter")):
        found |= {_folded(match[1]) for match in _RENAMED.finditer(statement)}
        found |= {_folded(match[1]) for match in _FAMILY.finditer(statement)}
        for match in _INHERITS.finditer(statement):
            found |= _list(match["names"])
        found |= _referenced(statement)
    # A quoted name that is no word is not found among the words of a query.
    return frozenset(found) if all(_WORD.fullmatch(name) for name in found) else None


class Schema:
    """What the statements of a database's files say about how its tables hang together."""

    def __init__(self, statements_: Sequence[str]) -> None:
        self.statements = tuple(statements_)

    def reach(self, used: Iterable[str]) -> frozenset[str]:
        """Return all that may play a part when these names are used in a query.

        The tables of a view, what triggers and functions use, types, indexes; the tables that a foreign key
        refers to, and those from which rows go with the ones that are deleted.
        """
        start = set(used)
        for word in used:
            if word.endswith("_seq"):  # of a serial column: the table's name begins its own
                start |= {name for name in self._names if word.startswith(f"{name}_")}
        found = self._closure(start, self._uses)
        return frozenset(found | {parent for name in found for parent in self._parents.get(name, ())})

    def spread(self, changed: Iterable[str]) -> frozenset[str] | None:
        """Return all that may be filled otherwise if these are; None when that cannot be told."""
        found = set(changed)
        # The sequence of a serial column has the table's name in its own.
        owners = {
            name
            for name in self._names
            for one in found
            if one.startswith(f"{name}_") and one.endswith("_seq")
        }
        found |= owners
        while True:
            before = len(found)
            found = self._closure(found, self._writes)
            for statement in self.statements:
                if words(statement) & found:
                    made = targets(statement)
                    if made is None:
                        return None
                    if _FILLS.match(statement):
                        found |= made
            if len(found) == before:
                return frozenset(found)

    @staticmethod
    def _closure(start: set[str], edges: dict[str, set[str]]) -> set[str]:
        found, waiting = set(start), list(start)
        while waiting:
            for name in edges.get(waiting.pop(), set()) - found:
                found.add(name)
                waiting.append(name)
        return found

    def called(self, statement: str) -> frozenset[str]:
        """Return the functions of these statements that another one mentions."""
        return words(statement) & self._functions

    @cached_property
    def _functions(self) -> frozenset[str]:
        code = (targets(one) or () for one in self.statements if _MAKES_CODE.match(one))
        return frozenset().union(*code)

    def _mentioned(self, statement: str) -> frozenset[str]:
        """Return the names in a statement; all there are if it is code that makes up statements."""
        dynamic = _MAKES_CODE.match(statement) and _DYNAMIC.search(statement)
        return self._names if dynamic else words(statement) & self._names

    @cached_property
    def _names(self) -> frozenset[str]:
        return frozenset().union(*(targets(statement) or () for statement in self.statements))

    @cached_property
    def _uses(self) -> dict[str, set[str]]:
        edges: dict[str, set[str]] = {}
        for statement in self.statements:
            parents = _referenced(statement)
            made = (targets(statement) or frozenset()) - parents
            mentioned = self._mentioned(statement) - parents
            if not _FILLS.match(statement) or statement.lower().startswith("create"):
                for name in made:
                    edges.setdefault(name, set()).update(mentioned)
            if _CASCADES.search(statement):
                for parent in parents:
                    edges.setdefault(parent, set()).update(made)
        return edges

    @cached_property
    def _writes(self) -> dict[str, set[str]]:
        """Triggers write elsewhere, and rows go with others."""
        edges: dict[str, set[str]] = {}
        for statement in self.statements:
            lower = statement.lower()
            parents = _referenced(statement)
            made = (targets(statement) or frozenset()) - parents
            if " trigger " in lower or _MAKES_CODE.match(statement):
                for name in made:
                    edges.setdefault(name, set()).update(self._mentioned(statement))
            elif _CASCADES.search(statement):
                for parent in parents:
                    edges.setdefault(parent, set()).update(made)
        return edges

    @cached_property
    def _parents(self) -> dict[str, set[str]]:
        edges: dict[str, set[str]] = {}
        for statement in self.statements:
            parents = _referenced(statement)
            for name in (targets(statement) or frozenset()) - parents if parents else ():
                edges.setdefault(name, set()).update(parents)
        return edges


def difference(before: Sequence[str], after: Sequence[str]) -> frozenset[str] | None:
    """Return what is otherwise after another list of statements has run; None when it cannot be told."""
    old, new = Counter(before), Counter(after)
    changed = (old - new) + (new - old)
    if [one for one in before if one not in changed] != [one for one in after if one not in changed]:
        return None
    touched: set[str] = set()
    schemas = [Schema(before), Schema(after)]
    for statement in changed:
        made = targets(statement)
        if made is None:
            return None
        touched |= made
        if _FILLS.match(statement):
            touched.update(*(schema.called(statement) for schema in schemas))
    spread = [schema.spread(touched) for schema in schemas] if touched else [frozenset()]
    return None if None in spread else frozenset().union(*(one for one in spread if one is not None))


def _named(statement: str) -> set[str]:
    """Return the names that a statement is about, by how it begins."""
    if match := _LISTS.fullmatch(statement):
        return _list(_ARGUMENTS.sub("", match["names"]))
    found = (match for pattern in _TARGETS if (match := pattern.match(statement)))
    return {_folded(match[1]) for match in itertools.islice(found, 1)}


def _list(names: str) -> set[str]:
    """Return the names in a list, schemas left out; what is no name stays as it is."""
    return {_folded(name.strip().rpartition(".")[2]) for name in names.split(",")}


def _referenced(statement: str) -> frozenset[str]:
    return frozenset(_folded(match[1]) for match in _REFERENCES.finditer(statement))


def _folded(name: str) -> str:
    return name.strip().strip('"').lower()
