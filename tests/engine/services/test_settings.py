"""Settings, secrets, caches and database handles."""

from __future__ import annotations

import pytest
from pydantic import BaseModel

from enctest import Cache, Config, Database, Secret, et
from enctest.errors import EnctestError
from enctest.services.errors import BadDoubleError, MissingError
from enctest.services.scope import CURRENT


class Limits(BaseModel):
    pieces: int


limit = Config("SHOP_LIMIT", 3)
required = Config[int]("SHOP_REQUIRED")
names = Config("SHOP_NAMES", ["a"])
limits = Config("SHOP_LIMITS", type=Limits)
key = Secret("SHOP_KEY")


def test_a_setting_is_read_from_the_environment_when_it_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    assert limit() == 3
    monkeypatch.setenv("SHOP_LIMIT", "4")
    assert limit() == 4
    monkeypatch.setenv("SHOP_LIMIT", "many")
    with pytest.raises(EnctestError, match="SHOP_LIMIT is 'many': Input should be a valid integer"):
        limit()
    monkeypatch.setenv("SHOP_NAMES", '["b", "c"]')
    assert names() == ["b", "c"]
    monkeypatch.setenv("SHOP_LIMITS", '{"pieces": 5}')
    assert limits() == Limits(pieces=5)
    with pytest.raises(MissingError, match="The setting SHOP_REQUIRED is not there, and has no default"):
        required()
    monkeypatch.setenv("SHOP_REQUIRED", "7")
    assert required() == 7


def test_a_value_is_a_copy() -> None:
    names().append("b")
    assert names() == ["a"]


def test_a_test_sets_it_for_itself() -> None:
    et.set_config(limit, 9)
    et.set_config(key, "test key")
    et.set_config(names, ["x"])
    assert (limit(), key(), names()) == (9, "test key", ["x"])
    with pytest.raises(BadDoubleError, match="'9' is no value for the setting SHOP_LIMIT"):
        et.set_config(limit, "9")  # type: ignore[misc]
    with pytest.raises(BadDoubleError, match="SHOP_KEY is a text, not int"):
        et.set_config(key, 3)  # type: ignore[misc]


def test_a_missing_secret_says_where_to_set_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for value in (None, ""):
        if value is not None:
            monkeypatch.setenv("SHOP_KEY", value)
        with pytest.raises(
            MissingError, match="The secret SHOP_KEY is missing\nSet the environment variable"
        ):
            key()
    monkeypatch.setenv("SHOP_KEY", "hush")
    assert key() == "hush"
    assert "hush" not in repr(key)


prices = Cache[Limits]("prices", ttl=60)


def test_a_cache_keeps_copies_until_they_expire() -> None:
    value = Limits(pieces=1)
    prices.set("pen", value)
    value.pieces = 2
    assert prices.get("pen") == Limits(pieces=1)
    et.advance_time(59.5)
    assert prices.get("pen") is not None
    et.advance_time(0.5)
    assert prices.get("pen") is None
    assert prices.get("pen", Limits(pieces=0)) == Limits(pieces=0)


def test_a_cache_is_empty_in_the_next_test_and_makes_what_it_lacks() -> None:
    made: list[int] = []

    def make() -> Limits:
        made.append(1)
        return Limits(pieces=len(made))

    assert prices.get("pen") is None
    assert [prices.get_or("pen", make).pieces for _ in range(3)] == [1, 1, 1]
    prices.delete("pen")
    assert prices.get_or("pen", make).pieces == 2


def test_a_store_of_ones_own_is_used_in_production_and_not_in_tests() -> None:
    class Store:
        def __init__(self) -> None:
            self.found: dict[str, tuple[bytes, float | None]] = {}

        def get(self, key: str) -> bytes | None:
            return self.found[key][0] if key in self.found else None

        def set(self, key: str, value: bytes | None, seconds: float | None) -> None:
            if value is None:
                del self.found[key]
            else:
                self.found[key] = (value, seconds)

    store = Store()
    cache = Cache("numbers", int, ttl=5, store=store)
    cache.set("a", 1)
    assert store.found == {}
    scope = CURRENT.set(None)  # no test is known
    try:
        cache.set("a", 2)
        assert store.found == {"numbers:a": (b"2", 5)}
        assert cache.get("a") == 2
        cache.delete("a")
        assert cache.get("a") is None
    finally:
        CURRENT.reset(scope)
    assert cache.get("a") == 1


def test_a_database_says_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    shop = Database("shop")
    with pytest.raises(MissingError, match="where the database shop is: SHOP_DATABASE_URL and DATABASE_URL"):
        _ = shop.url
    monkeypatch.setenv("DATABASE_URL", "postgresql://one")
    assert shop.url == "postgresql://one"
    monkeypatch.setenv("SHOP_DATABASE_URL", "postgresql://two")
    assert shop.url == "postgresql://two"
    monkeypatch.setenv("BOOKS", "postgresql://three")
    assert Database("books", env="BOOKS").url == "postgresql://three"
