"""The border of endpoints, topics and settings: values are checked by pydantic, and copied."""

from __future__ import annotations

import functools
import importlib
import inspect
import typing
from collections.abc import Callable
from typing import Annotated, Any, Final

from enctest.errors import EnctestError
from enctest.services.copies import copied
from enctest.services.errors import InvalidCallError, InvalidResultError

_KEYWORD: Final = inspect.Parameter.KEYWORD_ONLY
_LOOSE: Final = {"arbitrary_types_allowed": True}


class Sensitive:
    """Marks what spans must not show: `card: Annotated[str, sensitive]`."""

    def __repr__(self) -> str:
        return "sensitive"


sensitive: Final = Sensitive()


@functools.cache
def pydantic() -> Any:
    """Import pydantic.

    Raises:
        EnctestError: It is not installed.
    """
    return optional("pydantic", "to check arguments and messages")


def optional(module: str, purpose: str) -> Any:
    """Import a module of the extra `services`.

    Raises:
        EnctestError: It is not installed.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != module.partition(".")[0]:
            raise
        package = module.partition(".")[0]
        raise EnctestError(
            f"{package} is needed {purpose}, and is not installed",
            "Install it: pip install 'enctest-tui[services]'.",
        ) from error


def adapter(kind: Any) -> Any:
    """Return pydantic's adapter for a type."""
    try:
        return _adapter(kind)
    except TypeError:  # it cannot be hashed, such as an annotation with a list in it
        return _adapter.__wrapped__(kind)


@functools.lru_cache(1024)
def _adapter(kind: Any) -> Any:
    try:
        return pydantic().TypeAdapter(kind, config=_LOOSE)
    except pydantic().PydanticUserError:  # a model or dataclass has a configuration of its own
        return pydantic().TypeAdapter(kind)


def problems(error: Any, names: tuple[str, ...] = ()) -> str:
    """Return what pydantic found, in one line; `names` are those of positional arguments."""
    found = []
    for item in error.errors(include_url=False, include_context=False, include_input=False):
        first, *rest = item["loc"] or ("",)
        named = names[first] if isinstance(first, int) and first < len(names) else first
        place = ".".join(str(part) for part in (named, *rest))
        found.append(f"{place}: {item['msg']}" if place else str(item["msg"]))
    return "; ".join(found)


class Border:
    """Arguments and result of one function, as its signature has them.

    Args:
        function: A method; its first parameter is left out.
        name: For messages, such as `Orders.place`.
    """

    def __init__(self, function: Callable[..., Any], name: str) -> None:
        self._name = name
        try:
            hints = typing.get_type_hints(function, include_extras=True)
        except NameError as error:
            raise EnctestError(
                f"{name}: an annotation names {error.name!r}, which its module does not have at run time",
                "Import it there, outside of `if TYPE_CHECKING`: endpoints check what they get.",
            ) from error
        parameters = list(inspect.signature(function).parameters.values())[1:]
        typed = [p.replace(annotation=hints.get(p.name, Any)) for p in parameters]
        self.hints = hints
        self.signature = inspect.Signature(typed)
        self.names = tuple(p.name for p in parameters if p.kind < inspect.Parameter.VAR_POSITIONAL)
        self.secret = frozenset(p.name for p in typed if _is_sensitive(p.annotation))
        core = importlib.import_module("pydantic_core") if pydantic() else None
        self._pack: Any = core.ArgsKwargs if core else None
        self._check = _arguments_check(self.signature, typed)
        returns = hints.get("return", Any)
        self._result = None if returns is Any else adapter(returns).validator.validate_python
        self._error: Any = pydantic().ValidationError

    def accept(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return the arguments, checked and copied.

        Raises:
            InvalidCallError: They do not fit the signature, or one of them cannot be copied.
        """
        try:
            args, kwargs = self._check(self._pack(args, kwargs))
        except self._error as error:
            raise InvalidCallError(
                f"{self._name}: {problems(error, self.names)}",
                f"Its signature is {self._name}{self.signature}.",
            ) from error
        try:
            args = tuple([copied(value) for value in args])
            return args, {key: copied(value) for key, value in kwargs.items()} if kwargs else kwargs
        except TypeError as error:
            raise InvalidCallError(
                f"{self._name}: an argument cannot be copied: {error}",
                "Endpoints take and return data. Pass connections, locks and files to plain methods.",
            ) from error

    def give(self, result: Any) -> Any:
        """Return the result, checked and copied.

        Raises:
            InvalidResultError: It is not what the annotation says, or cannot be copied.
        """
        if self._result is not None:
            try:
                result = self._result(result)
            except self._error as error:
                raise InvalidResultError(
                    f"{self._name} returned something else than its annotation says: {problems(error)}"
                ) from error
        try:
            return copied(result)
        except TypeError as error:
            raise InvalidResultError(f"{self._name} returned what cannot be copied: {error}") from error

    def bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """Return accepted arguments by name, defaults included."""
        bound = self.signature.bind(*args, **kwargs)
        bound.apply_defaults()
        return dict(bound.arguments)

    def unbind(self, arguments: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return arguments by name as they are passed."""
        bound = inspect.BoundArguments(self.signature, arguments)
        return bound.args, bound.kwargs


def _arguments_check(signature: inspect.Signature, typed: list[inspect.Parameter]) -> Callable[[Any], Any]:
    def arguments(*args: Any, **kwargs: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return args, kwargs

    shim: Any = arguments
    shim.__signature__ = signature
    shim.__annotations__ = {p.name: p.annotation for p in typed}
    check: Callable[[Any], Any] = pydantic().TypeAdapter(shim, config=_LOOSE).validator.validate_python
    return check


def _is_sensitive(annotation: Any) -> bool:
    return typing.get_origin(annotation) is Annotated and any(
        isinstance(item, Sensitive) for item in annotation.__metadata__
    )
