from __future__ import annotations

import pytest

from enctest.databases.urls import FIELDS, Location, check, variables
from enctest.errors import EnctestError

SOCKET = Location("/run/enctest-0-k/s", 5432, "enctest", "", "shop")
TCP = Location("127.0.0.1", 4711, "enctest", "p_w-1", "my shop")


def test_a_socket_is_a_parameter_of_the_url() -> None:
    assert SOCKET.url("postgresql") == "postgresql://enctest@/shop?host=/run/enctest-0-k/s&port=5432"


def test_tcp_has_the_usual_form() -> None:
    assert TCP.url("postgresql+asyncpg") == "postgresql+asyncpg://enctest:p_w-1@127.0.0.1:4711/my%20shop"


@pytest.mark.parametrize(
    ("env", "expected"),
    [
        ("URL", {"URL": "s://enctest:p_w-1@127.0.0.1:4711/my%20shop"}),
        (["A", "B"], dict.fromkeys("AB", "s://enctest:p_w-1@127.0.0.1:4711/my%20shop")),
        (
            {"AT": "{user}:{password}@{host}:{port}", "DB": '{"name": "{name}"}'},
            {"AT": "enctest:p_w-1@127.0.0.1:4711", "DB": '{"name": "my shop"}'},
        ),
    ],
)
def test_variables_are_a_name_several_or_templates(
    env: str | list[str] | dict[str, str], expected: dict[str, str]
) -> None:
    assert variables(env, TCP.values("s")) == expected


def test_two_databases_cannot_set_one_variable() -> None:
    with pytest.raises(EnctestError, match="2 databases set the variable DATABASE_URL"):
        check({"a": ("DATABASE_URL", FIELDS), "b": (["X", "DATABASE_URL"], FIELDS)})


def test_an_unknown_field_is_an_error() -> None:
    with pytest.raises(EnctestError, match=r"X names the unknown field \{hots\}"):
        check({"a": ({"X": "{hots}"}, FIELDS)})
