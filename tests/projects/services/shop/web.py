"""The shop on the web."""

from collections.abc import Mapping

from starlette.applications import Starlette

from enctest import User, authenticator, mount
from shop.orders import Orders

app = Starlette()
mount(app, Orders)


@authenticator
def by_token(headers: Mapping[str, str]) -> User[str] | None:
    """Recognise a customer by the token that a request brings."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return User(token, "customer") if scheme == "Bearer" and token else None
