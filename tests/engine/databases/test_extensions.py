"""Extensions that a server lacks: told before anything runs, or stood in for."""

from __future__ import annotations

import hashlib
import hmac
import uuid
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from enctest.databases import stand_ins
from enctest.databases.binaries import Binaries
from enctest.databases.extensions import asked_for
from enctest.databases.migrations import read
from enctest.errors import EnctestError

if TYPE_CHECKING:
    from tests.engine.databases.conftest import Shop


def _values(shop: Shop, server: Binaries, sql: str, *parameters: Any) -> tuple[Any, ...]:
    lease = shop.manager(server).lease("run")
    with psycopg.connect(lease.urls["shop"]) as connection:
        row = connection.execute(sql.encode(), parameters).fetchone()
    assert row is not None
    return row


def test_the_extensions_that_files_ask_for(shop: Shop) -> None:
    file = shop.write(
        "2.up.sql",
        'CREATE EXTENSION "uuid-ossp";\ncreate extension if not exists PgCrypto with schema public;\n'
        "-- create extension not_this;\n/* create extension nor_this; */ create extension pg_trgm;",
    )

    assert asked_for(read([file])) == ("uuid-ossp", "pgcrypto", "pg_trgm")


def test_an_extension_that_is_missing_is_told_before_anything_runs(shop: Shop, any_server: Binaries) -> None:
    shop.write("0_bad.up.sql", "selec 1;")
    shop.write("2_place.up.sql", "create extension if not exists postgis;")

    with pytest.raises(EnctestError) as caught:
        shop.manager(any_server).prepare()

    version = f"PostgreSQL {any_server.version}"
    assert f"migrations of database shop need the extension postgis, which {version}" in caught.value.title
    assert "postgis" in caught.value.hint
    assert "apt install postgresql-" in caught.value.hint


def test_an_extension_that_the_server_has_is_its_own(shop: Shop, server: Binaries) -> None:
    shop.write("2_own.up.sql", "create extension citext; create extension hstore;")

    assert _values(shop, server, "select 'A'::citext = 'a'") == (True,)
    assert "stand-in" not in shop.statuses[-1][0].detail


@pytest.fixture
def bare_server(any_server: Binaries) -> Binaries:
    """A server without pgcrypto and uuid-ossp, new enough for stand-ins."""
    assert any_server.major >= stand_ins.SINCE
    assert not list((any_server.bin.parent / "share").rglob("pgcrypto.control"))
    return any_server


def test_the_stand_in_for_uuid_ossp(shop: Shop, bare_server: Binaries) -> None:
    shop.write("2.up.sql", 'create extension if not exists "uuid-ossp";')

    v1, other, v3, v4, nil = _values(
        shop,
        bare_server,
        "select uuid_generate_v1(), uuid_generate_v1(), uuid_generate_v3(uuid_ns_url(), 'http://x'), "
        "uuid_generate_v4(), uuid_nil()",
    )

    assert v3 == uuid.uuid3(uuid.NAMESPACE_URL, "http://x")
    assert (v1.version, v4.version, nil.int) == (1, 4, 0)
    assert v1 != other
    assert abs(v1.time - uuid.uuid1().time) < 60 * 10**7
    assert shop.statuses[-1][0].detail.endswith("a stand-in for the extension uuid-ossp")


def test_the_stand_in_for_pgcrypto(shop: Shop, bare_server: Binaries) -> None:
    shop.write("2.up.sql", "create schema tools; create extension pgcrypto with schema tools;")
    text, key, long_key = "tea", b"k", b"k" * 200

    digests = _values(
        shop, bare_server, "select tools.digest(%s, 'md5'), tools.digest(%s::bytea, 'SHA384')", text, b"tea"
    )
    signed = _values(
        shop,
        bare_server,
        "select tools.hmac('tea', 'k', 'sha256'), tools.hmac(%s::bytea, %s::bytea, 'sha512')",
        b"tea",
        long_key,
    )
    several = _values(
        shop,
        bare_server,
        "select length(tools.gen_random_bytes(1)), length(tools.gen_random_bytes(1024)), "
        "tools.gen_random_bytes(16) <> tools.gen_random_bytes(16)",
    )

    assert digests == (hashlib.md5(b"tea").digest(), hashlib.sha384(b"tea").digest())  # noqa: S324 - compared
    assert signed == (
        hmac.new(key, b"tea", "sha256").digest(),
        hmac.new(long_key, b"tea", "sha512").digest(),
    )
    assert several == (1, 1024, True)


def test_what_the_stand_in_cannot_do_says_so(shop: Shop, bare_server: Binaries) -> None:
    shop.write("2.up.sql", "create extension pgcrypto; select digest('a', 'sha1');")

    with pytest.raises(EnctestError, match="the stand-in for pgcrypto cannot do sha1"):
        shop.manager(bare_server).prepare()


def test_tests_may_make_the_extension_themselves(shop: Shop, bare_server: Binaries) -> None:
    lease = shop.manager(bare_server).lease("run")

    with psycopg.connect(lease.urls["shop"]) as connection:
        connection.execute("create extension pgcrypto")
        assert connection.execute("select length(gen_random_bytes(3))").fetchone() == (3,)
