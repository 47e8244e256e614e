from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from enctest.config import DatabaseSettings
from enctest.databases import private_server, s3
from enctest.databases.folders import MEMORY
from enctest.databases.manager import Lease
from enctest.errors import EnctestError

if TYPE_CHECKING:
    from tests.engine.databases.conftest import Look, Shop

SETTINGS = DatabaseSettings(engine="s3")


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Callable[[Lease], Any]:
    """Make a client as an application does: from the environment alone."""

    def make(lease: Lease) -> Any:
        for name, value in lease.env.items():
            monkeypatch.setenv(name, value)
        return boto3.session.Session().client("s3")

    return make


def _buckets(storage: Any) -> list[str]:
    return [bucket["Name"] for bucket in storage.list_buckets()["Buckets"]]


def _folder(root: Path, name: str) -> Path:
    """Return the folder of a database's first server."""
    return MEMORY / f"enctest-{os.geteuid()}-{private_server.key(root, f's3 {name}', 0)}"


def test_a_lease_is_storage_with_a_bucket_of_its_own(shop: Shop, client: Callable[[Lease], Any]) -> None:
    manager = shop.manager(my_uploads=SETTINGS)
    first, second = manager.lease("1"), manager.lease("2")
    storage = client(first)
    assert _buckets(storage) == ["my-uploads"]
    storage.put_object(Bucket="my-uploads", Key="a/b.txt", Body=b"hello")
    storage.create_bucket(Bucket="another")

    other = client(second)
    assert _buckets(other) == ["my-uploads"]
    assert "Contents" not in other.list_objects_v2(Bucket="my-uploads")
    assert storage.get_object(Bucket="my-uploads", Key="a/b.txt")["Body"].read() == b"hello"

    assert manager.renew(first) is first
    assert _buckets(storage) == ["my-uploads"]
    assert "Contents" not in storage.list_objects_v2(Bucket="my-uploads")
    assert shop.states() == ["starting", "ready"]
    assert manager.describe().chosen == {"my_uploads": shop.statuses[-1][0].detail}


def test_the_bucket_and_the_variables_may_be_named(shop: Shop) -> None:
    manager = shop.manager(
        files=DatabaseSettings(engine="s3", options={"bucket": "mine"}, env={"B": "{bucket}", "S3": "{url}"})
    )
    lease = manager.lease("run")
    assert (lease.env["B"], lease.env["S3"]) == ("mine", lease.urls["files"])
    assert "AWS_ENDPOINT_URL" not in lease.env
    assert lease.urls["files"].startswith("http://127.0.0.1:")


@pytest.mark.parametrize("name", ["x", "my bucket", "uploads?acl", "up/loads", "Uploads"])
def test_a_name_that_no_bucket_can_have_is_told(shop: Shop, look: Look, name: str) -> None:
    settings = DatabaseSettings(engine="s3", options={"bucket": name})
    manager = shop.manager(files=settings)
    with pytest.raises(EnctestError, match="cannot be the name of a bucket") as caught:
        manager.lease("run")
    assert caught.value.title.startswith(repr(name))
    assert [problem.title for problem in manager.describe().problems] == [caught.value.title]
    assert look.nothing_left(_folder(shop.root, "files"))


def test_without_moto_it_says_what_to_install(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3, "_NEEDED", ("moto", "no_such_module"))
    manager = shop.manager(files=SETTINGS)
    with pytest.raises(EnctestError, match="not installed") as caught:
        manager.prepare()
    assert "enctest-tui[s3]" in caught.value.hint
    assert manager.describe().problems[0].hint == caught.value.hint


def test_a_killed_server_is_replaced_and_closing_leaves_nothing(
    shop: Shop, look: Look, client: Callable[[Lease], Any]
) -> None:
    manager = shop.manager(files=SETTINGS)
    lease = manager.lease("run")
    folder = _folder(shop.root, "files")
    os.kill(look.supervisor(folder), signal.SIGKILL)
    assert look.eventually(lambda: not look.processes(folder))
    assert folder.exists()

    again = manager.renew(lease)

    assert _buckets(client(again)) == ["files"]
    manager.close()
    assert look.nothing_left(folder)


RUN = """
import sys
from pathlib import Path
from enctest.config import DatabaseSettings
from enctest.databases.manager import DatabaseManager
from enctest.paths import Project

root = Path(sys.argv[1])
settings = {"files": DatabaseSettings(engine="s3")}
manager = DatabaseManager(settings, Project(root=root, invocation=root, state=root, runtime=root))
manager.lease("run")
print("ready", flush=True)
sys.stdin.read()
"""


def test_killing_the_process_leaves_nothing(
    shop: Shop, run_python: Callable[..., subprocess.Popen[str]], look: Look
) -> None:
    child = run_python(RUN, shop.root)
    assert child.stdout
    assert child.stdout.readline() == "ready\n"
    folder = _folder(shop.root, "files")

    assert look.processes(folder)

    child.kill()

    assert look.eventually(lambda: look.nothing_left(folder))
