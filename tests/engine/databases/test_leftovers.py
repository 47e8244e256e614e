"""What a machine that went down left: files of a server, and numbers that mean somebody else by now."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from tests.engine.databases.conftest import processes

from enctest.databases.binaries import Binaries
from enctest.databases.cluster import Cluster

Join = Callable[..., Cluster]


def test_after_a_restart_of_the_machine(any_server: Binaries, join: Join) -> None:
    first = join(any_server)
    with first.connect() as connection:
        connection.query("create table of_before (id int)")
    # What is on the disk while the server runs is what is there after the power has failed.
    left = first.folder.with_name(f"left-{os.getpid()}")
    shutil.copytree(
        first.folder, left, ignore=lambda folder, _: {"s"} if Path(folder) == first.folder else ()
    )
    folder, name = first.folder, first.socket.name
    first.close()
    assert not folder.exists()
    with subprocess.Popen(["sleep", "1000"]) as stranger:
        try:
            pid_file = left / "data" / "postmaster.pid"
            lines = pid_file.read_text(encoding="utf-8").splitlines()
            pid_file.write_text("\n".join([str(stranger.pid), *lines[1:]]) + "\n", encoding="utf-8")
            (left / "server.pid").write_text(str(stranger.pid), encoding="ascii")
            (left / "s").mkdir()
            (left / "s" / name).touch()
            left.chmod(0o700)
            left.rename(folder)
            second = join(any_server)
            assert second.folder == folder
            with second.connect() as connection:
                assert connection.value("select to_regclass('of_before')") is None
            assert stranger.poll() is None
            second.close()
            assert not folder.exists()
            assert not processes(folder)
            assert stranger.poll() is None
        finally:
            stranger.kill()
            shutil.rmtree(left, ignore_errors=True)
