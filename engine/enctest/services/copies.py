"""Copies of data: callers and services share no mutable state."""

from __future__ import annotations

import copy
import datetime as dt
import decimal
import enum
import fractions
import pathlib
import re
import types
import uuid
from typing import Any, Final

_IMMUTABLE: Final[set[type]] = {
    *(type(None), bool, int, float, complex, str, bytes, type, range, type(...), type(NotImplemented)),
    *(dt.date, dt.datetime, dt.time, dt.timedelta, dt.timezone),
    *(decimal.Decimal, fractions.Fraction, uuid.UUID, re.Pattern),
    *(pathlib.Path, pathlib.PosixPath, pathlib.PurePath, pathlib.PurePosixPath),
    *(types.FunctionType, types.BuiltinFunctionType),
}


_ROWS: Final = frozenset({list, tuple, set, frozenset})


def copied(value: Any) -> Any:
    """Return a deep copy; what cannot change is not copied.

    Raises:
        TypeError: Something in it cannot be copied, such as a lock or an open file.
    """
    kind = type(value)
    if kind in _IMMUTABLE:
        return value
    try:
        return _copied(value)
    except RecursionError:  # it holds itself; `deepcopy` remembers what it has seen
        return copy.deepcopy(value)


def _copied(value: Any) -> Any:
    kind = type(value)
    if kind in _IMMUTABLE:
        return value
    if kind is dict:
        return {_copied(key): _copied(item) for key, item in value.items()}
    if kind in _ROWS:
        return kind([_copied(item) for item in value])
    if isinstance(value, enum.Enum):
        _IMMUTABLE.add(kind)
        return value
    if "__pydantic_fields__" in vars(kind) and "__deepcopy__" not in vars(kind):
        return _model(value, kind)
    return copy.deepcopy(value)


def _model(value: Any, kind: Any) -> Any:
    """Return a copy of a pydantic model, as its own `__copy__` makes one, but of the fields as well."""
    if value.__pydantic_private__ or "__copy__" in vars(kind):
        return copy.deepcopy(value)
    made = kind.__new__(kind)
    put = object.__setattr__
    put(made, "__dict__", {name: _copied(item) for name, item in value.__dict__.items()})
    extra = value.__pydantic_extra__
    put(made, "__pydantic_extra__", None if extra is None else _copied(extra))
    put(made, "__pydantic_fields_set__", set(value.__pydantic_fields_set__))
    put(made, "__pydantic_private__", copy.copy(value.__pydantic_private__))
    return made
