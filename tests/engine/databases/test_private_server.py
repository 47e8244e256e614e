from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.harness import PATIENCE

from enctest.databases import private_server
from enctest.databases.private_server import PrivateServer
from enctest.errors import EnctestError

if TYPE_CHECKING:
    from tests.engine.databases.conftest import Look

SERVER = """
import signal, sys, time
from pathlib import Path
Path(sys.argv[1], "ready").write_text("yes")
time.sleep(600)
"""


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., PrivateServer]]:
    """Start a server that writes a file; closed at the end."""
    started: list[PrivateServer] = []

    def start(code: str = SERVER) -> PrivateServer:
        started.append(
            PrivateServer.start(
                tmp_path,
                "thing",
                lambda folder: [sys.executable, "-c", code, str(folder)],
                lambda folder: (folder / "ready").exists(),
            )
        )
        return started[-1]

    yield start
    for server in started:
        server.close()


def _pid(server: PrivateServer) -> int:
    return int((server.folder / "server.pid").read_text(encoding="ascii"))


def test_each_has_a_folder_of_its_own_of_the_same_names(
    start: Callable[..., PrivateServer], look: Look
) -> None:
    first, second = start(), start()
    folders = [first.folder, second.folder]
    assert first.folder != second.folder
    assert first.is_alive()
    assert first.folder.stat().st_mode & 0o777 == 0o700

    first.close()
    first.close()
    assert look.nothing_left(folders[0])
    assert second.is_alive()
    second.close()

    assert [start().folder, start().folder] == folders


def test_it_ends_with_its_supervisor_and_the_other_way_round(
    start: Callable[..., PrivateServer], look: Look
) -> None:
    first, second = start(), start()

    os.kill(look.supervisor(first.folder), signal.SIGKILL)
    os.kill(_pid(second), signal.SIGKILL)

    for server in (first, second):
        assert look.eventually(lambda server=server: not server.is_alive())
        assert look.eventually(lambda server=server: not look.processes(server.folder))
        server.close()
        assert look.nothing_left(server.folder)


def test_what_a_killed_one_left_is_not_found_again(start: Callable[..., PrivateServer], look: Look) -> None:
    first = start()
    os.kill(look.supervisor(first.folder), signal.SIGKILL)
    assert look.eventually(lambda: not look.processes(first.folder))
    (first.folder / "left").write_text("x", encoding="utf-8")
    (first.folder / "sub").mkdir()

    again = start()

    assert again.folder == first.folder
    assert not (again.folder / "left").exists()
    assert not (again.folder / "sub").exists()


def test_a_server_that_outlived_its_supervisor_is_ended_by_the_next(
    start: Callable[..., PrivateServer], look: Look, tmp_path: Path
) -> None:
    """As on systems that do not end a process with its parent."""
    first = start()
    folder = first.folder
    os.kill(look.supervisor(folder), signal.SIGKILL)
    assert look.eventually(lambda: not look.processes(folder))
    survivor = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)", str(folder)])
    bystander = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)", str(tmp_path)])
    try:
        (folder / "server.pid").write_text(str(survivor.pid), encoding="ascii")
        second = start()
        assert second.folder == folder
        assert survivor.wait(PATIENCE) == -signal.SIGQUIT

        os.kill(look.supervisor(folder), signal.SIGKILL)
        assert look.eventually(lambda: not second.is_alive())
        (folder / "server.pid").write_text(str(bystander.pid), encoding="ascii")
        second.close()
        assert bystander.poll() is None
    finally:
        for child in (survivor, bystander):
            child.kill()
            child.wait()


@pytest.mark.parametrize(
    ("code", "complaint"),
    [
        ("print('no luck'); print('today')", "the server thing does not start: no luck; today"),
        ("", "does not start: it says nothing"),
    ],
)
def test_one_that_ends_at_once_is_told_and_leaves_nothing(
    start: Callable[..., PrivateServer], look: Look, tmp_path: Path, code: str, complaint: str
) -> None:
    with pytest.raises(EnctestError, match=complaint):
        start(code)
    assert not look.processes(tmp_path)


def test_one_that_never_is_ready_is_told_and_ended(
    start: Callable[..., PrivateServer], look: Look, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(private_server, "_START_SECONDS", 0.2)
    with pytest.raises(EnctestError, match="the server thing is not ready after 0 s"):
        start("import time; time.sleep(600)")
    key = private_server.key(tmp_path, "thing", 0)
    assert look.nothing_left(Path("/dev/shm") / f"enctest-{os.geteuid()}-{key}")  # noqa: S108 - a look at it


def test_a_command_that_cannot_be_run_is_told(tmp_path: Path) -> None:
    with pytest.raises(EnctestError, match=r"/no/such/program cannot be run: .*No such file"):
        PrivateServer.start(tmp_path, "thing", lambda _: ["/no/such/program"], lambda _: False)
