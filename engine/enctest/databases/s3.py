"""S3: object storage by moto, which is Python; a server for each copy, with a bucket of the same name."""

from __future__ import annotations

import importlib.util
import re
import sys
from http.client import HTTPConnection, HTTPException
from importlib.metadata import version

from enctest.databases import declarations, moto_server
from enctest.databases.private_server import PrivateServer
from enctest.databases.providers import Copy
from enctest.databases.server_per_copy import ServerPerCopy
from enctest.errors import EnctestError

_NEEDED = ("moto", "flask", "flask_cors")
_SECONDS = 10.0
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
"""What AWS lets be the name of a bucket; moto takes almost anything."""


class S3(ServerPerCopy):
    """Provides object storage that boto3, and whatever else reads AWS's variables, finds by itself."""

    default_env = {  # noqa: RUF012 - the protocol's, and never changed
        "AWS_ENDPOINT_URL": "{url}",
        "AWS_ACCESS_KEY_ID": "{access_key}",
        "AWS_SECRET_ACCESS_KEY": "{secret_key}",
        "AWS_DEFAULT_REGION": "{region}",
    }
    reset = "enctest.databases.resets:s3"
    fields = ("url", "host", "port", "access_key", "secret_key", "region", "bucket", "name")

    def look(self, database: str) -> str:
        """Say which moto it is."""
        self._bucket(database)
        if not all(importlib.util.find_spec(name) for name in _NEEDED):
            raise EnctestError(
                "no S3 server was found: moto's is not installed", "pip install 'enctest-tui[s3]' brings it."
            )
        return f"moto {version('moto')}"

    def start(self, database: str) -> tuple[PrivateServer, dict[str, str]]:
        """Start moto on a free port of 127.0.0.1 and make the bucket."""
        command = [sys.executable, "-P", moto_server.__file__]
        server = PrivateServer.start(
            self.root,
            f"s3 {database}",
            lambda folder: [*command, str(folder)],
            lambda folder: moto_server.port_file(folder).exists(),
        )
        bucket = self._bucket(database)
        try:
            port = moto_server.port_file(server.folder).read_text(encoding="ascii")
            make_bucket(int(port), bucket)
        except BaseException:  # an interrupt too: nobody else knows of the server yet
            server.close()
            raise
        return server, {
            "url": f"{self.settings[database].scheme or 'http'}://127.0.0.1:{port}",
            "host": "127.0.0.1",
            "port": port,
            "access_key": "enctest",
            "secret_key": "enctest",
            "region": "us-east-1",
            "bucket": bucket,
        }

    def empty(self, database: str, server: PrivateServer, copy: Copy) -> None:  # noqa: ARG002 - the protocol's
        """Forget all buckets and whatever else was made, but for the one bucket."""
        empty(int(copy.values["port"]), copy.values["bucket"])

    def _bucket(self, database: str) -> str:
        declarations.check(database, self.settings[database], options={"bucket": str})
        name: str = self.settings[database].options.get("bucket", database.lower().replace("_", "-"))
        if not _BUCKET.fullmatch(name):
            raise EnctestError(
                f"{name!r} cannot be the name of a bucket",
                'Name the database otherwise, or write options = { bucket = "..." }.',
            )
        return name


def empty(port: int, bucket: str) -> None:
    """Have a moto server forget everything, and make a bucket.

    Raises:
        OSError: It does not answer.
    """
    _ask(port, "POST", "/moto-api/reset")
    make_bucket(port, bucket)


def make_bucket(port: int, bucket: str) -> None:
    """Make a bucket.

    Raises:
        OSError: The server does not answer, or refuses.
    """
    status = _ask(port, "PUT", f"/{bucket}")
    if status != 200:  # noqa: PLR2004 - HTTP's OK
        raise ConnectionError(f"moto answers {status} and makes no bucket {bucket}")


def _ask(port: int, method: str, path: str) -> int:
    connection = HTTPConnection("127.0.0.1", port, timeout=_SECONDS)
    try:
        connection.request(method, path)
        response = connection.getresponse()
        response.read()
    except HTTPException as error:
        raise ConnectionError(f"moto does not answer: {error!r}") from error
    finally:
        connection.close()
    return response.status
