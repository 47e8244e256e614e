"""Numbers out of a pipe, each to one process."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from tests.harness import wait_until

from enctest.session.queue import NumberQueue


def taker(queue: NumberQueue, out: Path) -> int:
    """Fork a process that writes every number it gets to a file."""
    pid = os.fork()
    if pid:
        return pid
    try:
        queue.join()
        with out.open("w", encoding="ascii") as file:
            while (number := queue.take()) is not None:
                file.write(f"{number}\n")
    finally:
        os._exit(0)


def numbers(path: Path) -> list[int]:
    return [int(line) for line in path.read_text(encoding="ascii").split()]


def wait_for(pid: int) -> None:
    wait_until(f"process {pid} ends", lambda: os.waitpid(pid, os.WNOHANG)[0] == pid)


def test_every_number_is_taken_once_also_more_than_a_pipe_holds(tmp_path: Path) -> None:
    queue = NumberQueue()
    queue.put(range(40_000))
    assert not queue.is_written
    pids = [taker(queue, tmp_path / str(index)) for index in range(3)]
    queue.close()

    def written() -> bool:
        queue.pump()
        return queue.is_written

    wait_until("all numbers are in the pipe", written)
    for pid in pids:
        wait_for(pid)
    queue.forget()
    found = [number for index in range(3) for number in numbers(tmp_path / str(index))]
    assert sorted(found) == list(range(40_000))


def test_what_was_taken_back_goes_to_nobody(tmp_path: Path) -> None:
    queue = NumberQueue()
    queue.put([1, 2, 3])
    assert queue.take() == 1
    queue.drain()
    pid = taker(queue, tmp_path / "out")
    wait_for(pid)
    assert numbers(tmp_path / "out") == []
    assert queue.take() is None
    queue.forget()


def test_a_taker_that_dies_keeps_nobody_waiting(tmp_path: Path) -> None:
    queue = NumberQueue()
    first = taker(queue, tmp_path / "first")
    os.kill(first, signal.SIGKILL)
    wait_for(first)
    queue.put([7])
    queue.close()
    second = taker(queue, tmp_path / "second")
    wait_for(second)
    assert numbers(tmp_path / "second") == [7]
    queue.forget()
