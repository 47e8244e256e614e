"""What stands for endpoints and services in tests."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from enctest.services.errors import BadDoubleError
from enctest.services.middleware import is_asynchronous
from enctest.services.scope import UNSET, Scope

if TYPE_CHECKING:
    from enctest.services.endpoint import Endpoint


@dataclass(frozen=True)
class Double:
    """A stand-in.

    Attributes:
        function: For an endpoint: what is called in its place.
        service: For a service: the object whose methods are.
        run_middleware: Whether middleware and authentication apply.
    """

    function: Callable[..., Any] | None = None
    service: object = None
    run_middleware: bool = False


def double_of(endpoint: Endpoint[Any, Any], scope: Scope) -> Double | None:
    """Return what stands for an endpoint here: its own double beats that of its service."""
    found = scope.find(endpoint)
    if found is UNSET or found is None:
        found = scope.find(endpoint.service)
    if found is UNSET or found is None:
        return None
    double: Double = found
    if double.function is not None:
        return double
    function = getattr(double.service, endpoint.__name__, None)
    if not callable(function):
        raise BadDoubleError(
            f"{endpoint.name} was called, and the double of {endpoint.service.__name__} "
            f"({type(double.service).__name__}) has no method {endpoint.__name__!r}",
            f"Give it one, or use `et.mock_endpoint({endpoint.name}, ...)`.",
        )
    return Double(function, double.service, double.run_middleware)


def check(endpoint: Endpoint[Any, Any], function: Any) -> None:
    """Check that a double can be called as the endpoint is.

    Raises:
        BadDoubleError: It cannot.
    """
    if not callable(function):
        raise BadDoubleError(
            f"The double of {endpoint.name} is {type(function).__name__}, which cannot be called",
            f"Pass a function: et.mock_endpoint({endpoint.name}, lambda ...: ...), or None to remove it.",
        )
    if not endpoint.is_async and is_asynchronous(function):
        raise BadDoubleError(f"The double of {endpoint.name} is asynchronous, the endpoint is not")
    try:
        theirs = inspect.signature(function)
    except (TypeError, ValueError):  # written in C, without a signature
        return
    ours = endpoint.border.signature
    for arguments in _ways_to_call(ours):
        try:
            theirs.bind(*arguments[0], **arguments[1])
        except TypeError as error:
            raise BadDoubleError(
                f"The double of {endpoint.name} cannot be called as it is: {error}",
                f"The endpoint takes {_shown(ours)}, the double {_shown(theirs)}.",
            ) from None


def _ways_to_call(signature: inspect.Signature) -> list[tuple[list[Any], dict[str, Any]]]:
    """Return arguments by place where possible, and by name where possible; all are always given."""
    kinds = inspect.Parameter
    by_place: tuple[list[Any], dict[str, Any]] = ([], {})
    by_name: tuple[list[Any], dict[str, Any]] = ([], {})
    for name, parameter in signature.parameters.items():
        if parameter.kind is kinds.POSITIONAL_ONLY:
            by_place[0].append(None)
            by_name[0].append(None)
        elif parameter.kind is kinds.POSITIONAL_OR_KEYWORD:
            by_place[0].append(None)
            by_name[1][name] = None
        elif parameter.kind is kinds.KEYWORD_ONLY:
            by_place[1][name] = by_name[1][name] = None
    return [by_place, by_name]


def _shown(signature: inspect.Signature) -> str:
    return str(signature.replace(return_annotation=inspect.Signature.empty))
