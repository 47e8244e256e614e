"""What can go wrong with services, in words; each is an `EnctestError` and also what Python would raise."""

from __future__ import annotations

from enctest.errors import EnctestError


class StartError(EnctestError):
    """A service could not start; the cause is the exception's `__cause__`, and the next call tries again."""


class StartCycleError(EnctestError):
    """Services need each other to start."""


class InvalidCallError(EnctestError, ValueError):
    """An endpoint was called with arguments that are not of its signature."""


class InvalidResultError(EnctestError, ValueError):
    """An endpoint returned something else than its annotation says."""


class NotAllowedError(EnctestError, PermissionError):
    """An endpoint needs a user, and there is none."""


class MissingError(EnctestError, LookupError):
    """A secret, a setting, a URL or a transport is not there."""


class BadDoubleError(EnctestError, TypeError):
    """A double does not fit what it stands for, or stands for nothing."""


class MisusedError(EnctestError, RuntimeError):
    """A helper of tests was used where it has no meaning."""


class DeliveryError(EnctestError):
    """Subscribers did not accept messages, as often as they were tried."""
