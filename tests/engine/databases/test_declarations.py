"""What a declaration says and its engine does not know is told, not passed over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from enctest.config import DatabaseSettings
from enctest.databases.providers import Copy
from enctest.errors import EnctestError

if TYPE_CHECKING:
    from tests.engine.databases.conftest import Shop


@pytest.mark.parametrize(
    ("declared", "title", "hint"),
    [
        (
            {"engine": "sqlite", "version": "3"},
            "`version` of database x means nothing to the engine sqlite",
            "",
        ),
        ({"engine": "valkey", "migrations": "m"}, "`migrations` of database x means nothing", "Leave it out"),
        ({"engine": "s3", "tcp": True}, "`tcp` of database x means nothing to the engine s3", "Leave it out"),
        ({"engine": "sqlite", "options": {"memroy": True}}, "the unknown option 'memroy'", "knows memory"),
        ({"engine": "redis", "options": {"db": 3}}, "the unknown option 'db'", "Leave it out"),
        (
            {"engine": "s3", "options": {"bucket": 300}},
            "option bucket of database x is not of type str: 300",
            "",
        ),
        ({"options": {"shared_buffers": "1GB"}}, "the unknown option 'shared_buffers'", "Leave it out"),
        ({"options": {"migration-timeout": 3}}, "the unknown option 'migration-timeout'", "beside `options`"),
        (
            {"engine": "sqlite", "options": {"memory": 1}},
            "option memory of database x is not of type bool: 1",
            "",
        ),
    ],
)
def test_what_has_no_effect_is_told(shop: Shop, declared: dict[str, Any], title: str, hint: str) -> None:
    manager = shop.manager(x=DatabaseSettings(**declared))
    with pytest.raises(EnctestError) as caught:
        manager.lease("run")
    assert title in caught.value.title
    assert hint in caught.value.hint
    assert [problem.title for problem in manager.describe().problems] == [caught.value.title]


def test_a_copy_holds_text_only() -> None:
    values: dict[str, Any] = {"url": "queue://", "port": 300}
    with pytest.raises(TypeError, match="the value 'port' of a copy has to be text, not 300"):
        Copy("jobs", values)
