"""Generic blocks that have to know their type at run time: `Topic[Order]("orders")`."""

from __future__ import annotations

import typing
from typing import Any

from enctest.errors import EnctestError


def type_of(block: Any, given: Any, what: str) -> Any:
    """Return the type of a block: the one given, or the one in its brackets.

    Raises:
        EnctestError: It has neither.
    """
    if given is not None:
        return given
    found = typing.get_args(getattr(block, "__orig_class__", None))
    if not found or isinstance(found[0], typing.TypeVar):
        kind = type(block).__name__
        raise EnctestError(
            f"{kind} {what!r} does not say what it holds",
            f'Say it: {kind}[Order]("{what}"), or {kind}("{what}", Order).',
        )
    return found[0]
