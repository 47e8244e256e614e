"""What can go wrong in the shop without anybody having made a programming error."""

from __future__ import annotations

from typing import ClassVar

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse


class ShopError(Exception):
    """Base of all of them; `status` is the HTTP status that tells a client."""

    status: ClassVar[int] = 400


class NotFoundError(ShopError):
    """There is no such product, order or payment."""

    status = 404


class OutOfStockError(ShopError):
    """Somebody else bought the last one."""

    status = 409


class CouponError(ShopError):
    """The coupon is unknown or has expired."""

    status = 422


class CardError(ShopError):
    """That is no card number."""

    status = 422


class CardDeclinedError(ShopError):
    """The bank said no."""

    status = 402


class BankBusyError(ShopError):
    """The bank asks to try again later."""

    status = 503


async def _answer(_request: Request, error: Exception) -> JSONResponse:
    status = error.status if isinstance(error, ShopError) else 500
    return JSONResponse({"detail": str(error)}, status_code=status)


def install_handlers(app: FastAPI) -> None:
    """Make `app` answer every `ShopError` with its status and message."""
    app.add_exception_handler(ShopError, _answer)
