"""What spans show of requests, responses and messages: no code of the application runs, no secret is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from enctest.services.validation import Sensitive

if TYPE_CHECKING:
    from enctest.services.endpoint import Endpoint

_DEPTH: Final = 4
_ITEMS: Final = 20


def request(
    endpoint: Endpoint[Any, Any], args: tuple[Any, ...], kwargs: dict[str, Any], mocked: bool
) -> dict[str, Any]:
    """Return the attributes of a call's span when it begins."""
    attributes: dict[str, Any] = {
        "rpc.system.name": "enctest",
        "rpc.service": endpoint.service.__name__,
        "rpc.method": endpoint.__name__,
    }
    if mocked:
        attributes["enctest.mocked"] = True
    if endpoint.sensitive:
        attributes["enctest.request"] = _hidden()
    elif args or kwargs:
        border = endpoint.border
        named = dict(zip(border.names, args, strict=False)) | kwargs
        attributes["enctest.request"] = _pairs(named, border.secret, 0)
    return attributes


def response(endpoint: Endpoint[Any, Any], result: Any) -> dict[str, Any]:
    """Return what the end of a call's span adds."""
    if result is None:
        return {}
    return {"enctest.response": _hidden() if endpoint.sensitive else shown(result)}


def shown(value: Any, depth: int = 0) -> str:
    """Return a short text for a value; fields marked as sensitive, or named like secrets, are left out."""
    from enctest.tracing.values import show

    kind = type(value)
    if depth >= _DEPTH:
        return show(value, depth)
    fields = vars(kind).get("__pydantic_fields__")
    if fields is not None:
        secret = frozenset(
            name for name, field in fields.items() if any(isinstance(m, Sensitive) for m in field.metadata)
        )
        return f"{kind.__name__}({_pairs(value.__dict__, secret, depth)})"
    if "__dataclass_fields__" in vars(kind) and "__dict__" in dir(value):
        return f"{kind.__name__}({_pairs(vars(value), frozenset(), depth)})"
    if kind is list:
        more = ", …" if len(value) > _ITEMS else ""
        return f"[{', '.join(shown(item, depth + 1) for item in value[:_ITEMS])}{more}]"
    if kind is dict and all(type(key) is str for key in value):
        return f"{{{_pairs(value, frozenset(), depth)}}}"
    return show(value, depth)


def name_of(function: Any) -> str:
    """Return what a function is called."""
    return str(getattr(function, "__qualname__", None) or type(function).__name__)


def _pairs(values: dict[str, Any], secret: frozenset[str], depth: int) -> str:
    from enctest.tracing.redaction import is_secret

    found = []
    for name, value in list(values.items())[:_ITEMS]:
        hidden = name in secret or is_secret(name)
        found.append(f"{name}={_hidden() if hidden else shown(value, depth + 1)}")
    return ", ".join(found) + (", …" if len(values) > _ITEMS else "")


def _hidden() -> str:
    from enctest.tracing.redaction import REDACTED

    return REDACTED
