"""A query with its arguments in the places of their placeholders: to be read, and to be explained."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

_PIECE: Final = re.compile(
    r"""(?xs)
      (?P<kept> [eE]'(?:\\.|''|[^'\\])*' | '(?:''|[^'])*' | "(?:""|[^"])*" | (?P<tag>\$\w*\$).*?(?P=tag)
        | --[^\n]* | /\*.*?\*/ | :: )
    | (?P<percent> %% ) | %\((?P<name>[^)]+)\)[sbt] | (?P<next> %[sbt] ) | \$(?P<number>\d+)
    | (?P<mark> \?(?P<place>\d*) ) | :(?P<colon>[A-Za-z_]\w*)
    """
)
_CUT: Final = re.compile(r"… \(\d+ more characters\)$")
_NAMED: Final = re.compile(r"([A-Za-z_]\w*)=(.*)", re.DOTALL)
_SPECIAL: Final = {"inf": "Infinity", "-inf": "-Infinity", "nan": "NaN"}


@dataclass(frozen=True)
class Filled:
    """A statement.

    Attributes:
        sql: With a literal for each argument that is known in full; other placeholders are as they were.
        missing: Placeholders that are left.
        is_cut: The text was too long to be kept as a whole.
    """

    sql: str
    missing: int = 0
    is_cut: bool = False

    @property
    def is_complete(self) -> bool:
        """Whether it can be run."""
        return not self.missing and not self.is_cut


def fill(text: str, parameters: object, system: str = "postgresql") -> Filled:
    """Put arguments into a query, quoted as `system` wants them; quotes and comments are left alone.

    Args:
        text: The query, with `%s`, `%(name)s`, `$1`, `:name` or, unless it is PostgreSQL's, `?`.
        parameters: As spans have them: a list of Python literals, or `name=literal`; or such a list as text.
        system: `db.system.name`.
    """
    positional, named = _arguments(parameters)
    is_plain = system == "sqlite"
    formats = bool(positional or named) and re.search(r"%[sbt]|%\(", text) is not None
    order = iter(range(len(positional)))
    missing = 0

    def literal(argument: str | None, placeholder: str) -> str:
        nonlocal missing
        found = _literal(argument, plain=is_plain) if argument is not None else None
        missing += found is None
        return placeholder if found is None else found

    def put(match: re.Match[str]) -> str:
        whole = match[0]
        if match["kept"] is not None:
            return whole
        if match["percent"]:
            return "%" if formats else whole
        if match["name"] or match["colon"]:
            name = match["name"] or match["colon"]
            return literal(named.get(name), whole) if match["name"] or name in named else whole
        if match["number"]:
            place = int(match["number"]) - 1
            return literal(positional[place] if place < len(positional) else None, whole)
        if match["mark"] and (system == "postgresql" or not parameters):
            return whole
        place = int(match["place"]) - 1 if match["place"] else next(order, len(positional))
        return literal(positional[place] if 0 <= place < len(positional) else None, whole)

    return Filled(_PIECE.sub(put, text), missing, _CUT.search(text) is not None)


def _arguments(parameters: object) -> tuple[Sequence[str], dict[str, str]]:
    """Return arguments by position, and by name."""
    if isinstance(parameters, str):
        texts: list[str] = _split(parameters)
    elif isinstance(parameters, Iterable):
        texts = [str(each) for each in parameters]
    else:
        texts = []
    pairs = [(match[1], match[2]) for each in texts if (match := _NAMED.fullmatch(each))]
    return ([], dict(pairs)) if texts and len(pairs) == len(texts) else (texts, {})


def _split(text: str) -> list[str]:
    """Return the elements of a list or tuple that is written down, with or without its brackets."""
    tree = _parse(text if text[:1] in "([" else f"({text},)") if text else None
    if not isinstance(tree, ast.Tuple | ast.List):
        return []
    return [ast.unparse(each) for each in tree.elts]


def _parse(text: str) -> ast.expr | None:
    try:
        return ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # cut, redacted, or an object's name
        return None


def _literal(argument: str, *, plain: bool) -> str | None:
    """Return a Python literal as one of SQL; None where it is not wholly known."""
    tree = _parse(argument)
    return _sql(tree, plain=plain) if tree is not None else None


def _sql(tree: ast.expr, *, plain: bool) -> str | None:
    match tree:
        case ast.Constant(value=value):
            return _constant(value, plain=plain)
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
            return _constant(-value, plain=plain)
        case ast.List(elts=elements) if not plain:
            found = [_sql(each, plain=plain) for each in elements]
            known = [each for each in found if each is not None]
            if len(known) < len(found):
                return None
            return f"ARRAY[{', '.join(known)}]" if known else "'{}'"
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=args, keywords=keywords):
            return _call(name, args, keywords, plain=plain)
    return None


def _constant(value: Any, *, plain: bool) -> str | None:
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return str(int(value)) if plain else str(value).lower()
    if isinstance(value, int | float):
        text = repr(value)
        if text in _SPECIAL:
            return f"'{_SPECIAL[text]}'::float8"
        return f"({text})" if value < 0 else text  # as two minus signs begin a comment
    if isinstance(value, bytes):
        return f"x'{value.hex()}'" if plain else f"'\\x{value.hex()}'::bytea"
    return _quoted(value) if isinstance(value, str) and "\0" not in value else None


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _call(name: str, args: list[ast.expr], keywords: list[ast.keyword], *, plain: bool) -> str | None:
    """Return what a constructor of the standard library makes: numbers, dates, UUIDs."""
    if name in {"Decimal", "UUID"} and len(args) == 1 and isinstance(args[0], ast.Constant):
        text = str(args[0].value)
        if name == "Decimal":
            return text if re.fullmatch(r"-?[\d.]+(E[+-]?\d+)?", text) else f"{_quoted(text)}::numeric"
        return _quoted(text) + ("" if plain else "::uuid")
    make = _MAKERS.get(name)
    numbers = [_number(each) for each in args]
    named = {each.arg: _number(each.value) for each in keywords if each.arg != "tzinfo"}
    zone = next((each.value for each in keywords if each.arg == "tzinfo"), None)
    if make is None or None in numbers or None in named.values() or not (zone is None or _is_utc(zone)):
        return None
    try:
        text, kind = make(numbers, named, zone is not None)
    except (TypeError, ValueError, OverflowError):
        return None
    return _quoted(text) + ("" if plain else f"::{kind}")


def _number(tree: ast.expr) -> int | None:
    match tree:
        case ast.Constant(value=int() as value):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() as value)):
            return -value
    return None


def _is_utc(tree: ast.expr) -> bool:
    return ast.unparse(tree).removeprefix("datetime.") in {"timezone.utc", "UTC"}


def _datetime(numbers: Sequence[Any], named: dict[Any, Any], in_utc: bool) -> tuple[str, str]:
    import datetime as dt

    made = dt.datetime(*numbers, **named)  # noqa: DTZ001 - SQL is told the zone beside it
    text = made.isoformat(" ") + "+00:00" * in_utc
    return text, "timestamptz" if in_utc else "timestamp"


def _date(numbers: Sequence[Any], named: dict[Any, Any], _: bool) -> tuple[str, str]:
    import datetime as dt

    return dt.date(*numbers, **named).isoformat(), "date"


def _time(numbers: Sequence[Any], named: dict[Any, Any], _: bool) -> tuple[str, str]:
    import datetime as dt

    return dt.time(*numbers, **named).isoformat(), "time"


def _timedelta(numbers: Sequence[Any], named: dict[Any, Any], _: bool) -> tuple[str, str]:
    import datetime as dt

    return f"{dt.timedelta(*numbers, **named).total_seconds()} seconds", "interval"


_MAKERS: Final[dict[str, Callable[[Sequence[Any], dict[Any, Any], bool], tuple[str, str]]]] = {
    "datetime": _datetime,
    "date": _date,
    "time": _time,
    "timedelta": _timedelta,
}
