from __future__ import annotations

from pathlib import Path

from enctest.config import Settings
from enctest.events import TestInfo
from enctest.explorer.agenda import Agenda
from enctest.explorer.book import Book
from enctest.paths import Project
from enctest.session.job import Job, KnownTest

PROJECT = Project(root=Path("/p"), invocation=Path("/p"), state=Path("/p/s"), runtime=Path("/p/r"))


def book() -> Book:
    made = Book()
    made.collected("a.py", [TestInfo(test=f"a.py::{name}", path="a.py", line=1) for name in "xyz"])
    return made


def take(agenda: Agenda) -> Job:
    return agenda.next(book(), 1, PROJECT, Settings(), None)


def running(job: Job) -> set[str]:
    return {known.test for file in (job.files or {}).values() for known in file if known.run}


def test_the_urgent_comes_first_and_what_it_pushed_aside_later() -> None:
    agenda = Agenda()
    agenda.postpone({"a.py::x", "a.py::y"}, "left")
    agenda.add({"a.py::y"}, {"new.py"}, "changed")
    first = take(agenda)
    assert running(first) == {"a.py::y"}
    assert set(first.files or ()) == {"a.py", "new.py"}
    assert running(take(agenda)) == {"a.py::x"}
    assert agenda.empty


def test_a_job_that_was_not_collected_comes_back_whole() -> None:
    agenda = Agenda()
    agenda.add({"a.py::z"}, {"new.py"}, "changed")
    agenda.postpone_job(take(agenda))
    again = take(agenda)
    assert running(again) == {"a.py::z"}
    assert again.files == {"new.py": (), "a.py": tuple(KnownTest(f"a.py::{n}", n == "z") for n in "xyz")}


def test_everything_is_everything() -> None:
    agenda = Agenda()
    agenda.postpone({"a.py::x"}, "left")
    agenda.everything("first run")
    job = take(agenda)
    assert job.files is None
    agenda.postpone_job(job)
    assert take(agenda).files is None
    assert agenda.empty


def test_clear_forgets_all() -> None:
    agenda = Agenda()
    agenda.postpone({"a.py::x"}, "left")
    agenda.everything("asked")
    agenda.clear()
    assert agenda.empty
