"""Settings and secrets, declared where they are used, read from the environment."""

from __future__ import annotations

import os
from typing import Any, Final, Generic, TypeVar, cast

from enctest.errors import EnctestError
from enctest.services import spans
from enctest.services.copies import copied
from enctest.services.errors import BadDoubleError, MissingError
from enctest.services.generic import type_of
from enctest.services.scope import UNSET, current
from enctest.services.validation import adapter, problems, pydantic

T = TypeVar("T")
_REQUIRED: Final[Any] = UNSET


class Config(Generic[T]):
    """One setting: `limit = Config("ORDER_LIMIT", 10)`; `limit()` is its value.

    Args:
        variable: The environment variable that sets it.
        default: What it is without one; it has to be set if there is no default.
        type: What it is; that of the default unless given, as here or as `Config[int]("ORDER_LIMIT")`.
            All but strings are read as JSON, or as pydantic reads a text (`10`, `true`, `[1, 2]`).
    """

    def __init__(self, variable: str, default: T = _REQUIRED, type: type[T] | None = None) -> None:  # noqa: A002 - what it is
        self.variable = variable
        self._default = default
        self._type: Any = type
        self._read: tuple[str, T] | None = None

    def __call__(self) -> T:
        """Return the value.

        Raises:
            MissingError: It has no default, and the variable is not set.
            EnctestError: The variable holds something else.
        """
        scope = current()
        if scope is not None:
            found = scope.find(self)
            if found is not UNSET:
                return cast("T", copied(found))
        text = os.environ.get(self.variable)
        if text is None:
            if self._default is _REQUIRED:
                raise self._missing()
            return cast("T", copied(self._default))
        if self._read is None or self._read[0] != text:
            self._read = (text, self._parsed(text))
        return cast("T", copied(self._read[1]))

    def __repr__(self) -> str:
        return f"<setting {self.variable}>"

    @property
    def identity(self) -> str:
        """What it is called in every process."""
        return f"setting {self.variable}"

    def variables_of(self, value: T) -> dict[str, str]:
        """Return the environment variable that gives a process this value."""
        text = value if isinstance(value, str) else adapter(self.kind).dump_json(value).decode()
        return {self.variable: text}

    @property
    def kind(self) -> Any:
        """What the setting holds."""
        if self._type is None and self._default is not _REQUIRED and not hasattr(self, "__orig_class__"):
            return type(self._default)
        return type_of(self, self._type, self.variable)

    def checked(self, value: object) -> T:
        """Return a value for tests.

        Raises:
            BadDoubleError: It is not of the setting's type.
        """
        try:
            return cast("T", adapter(self.kind).validate_python(value, strict=True))
        except pydantic().ValidationError as error:
            raise BadDoubleError(
                f"{value!r} is no value for the setting {self.variable}: {problems(error)}"
            ) from None

    def _parsed(self, text: str) -> T:
        kind = self.kind
        check = adapter(kind)
        wrong = pydantic().ValidationError
        try:
            return cast("T", check.validate_python(text))
        except wrong as error:
            try:
                return cast("T", check.validate_json(text))
            except wrong:
                raise EnctestError(
                    f"The environment variable {self.variable} is {text!r}: {problems(error)}"
                ) from None

    def _missing(self) -> MissingError:
        return MissingError(
            f"The setting {self.variable} is not there, and has no default",
            f"Set the environment variable {self.variable}; in a test, `et.set_config(..., value)`.",
        )


class Secret(Config[str]):
    """A text that is nowhere shown: `key = Secret("PAYMENT_KEY")`; `key()` is its value.

    Args:
        variable: The environment variable that holds it.
    """

    def __init__(self, variable: str) -> None:
        super().__init__(variable, type=str)

    def __call__(self) -> str:
        """Return the value, which is shown nowhere from now on, in whatever text it stands.

        Raises:
            MissingError: The variable is not set, or empty.
        """
        value = super().__call__()
        spans.hide(value)
        return value

    def __repr__(self) -> str:
        return f"<secret {self.variable}>"

    def checked(self, value: object) -> str:
        """Return a value for tests.

        Raises:
            BadDoubleError: It is no text.
        """
        if not isinstance(value, str):
            raise BadDoubleError(f"The secret {self.variable} is a text, not {type(value).__name__}")
        return value

    def _parsed(self, text: str) -> str:
        if not text:
            raise self._missing()
        return text

    def _missing(self) -> MissingError:
        return MissingError(
            f"The secret {self.variable} is missing",
            f"Set the environment variable {self.variable}, in the shell or where this is deployed; "
            "in a test, `et.set_config(secret, value)`.",
        )
