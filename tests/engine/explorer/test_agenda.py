from __future__ import annotations

from enctest.explorer.agenda import Agenda


def test_the_urgent_comes_first_and_what_it_pushed_aside_later() -> None:
    agenda = Agenda()
    agenda.postpone({"a.py::x", "a.py::y"}, "left")
    agenda.add({"a.py::y"}, {"new.py"}, "changed")
    first = agenda.next()
    assert first.tests == {"a.py::y"}
    assert first.files == {"new.py"}
    assert agenda.next().tests == {"a.py::x"}
    assert agenda.empty


def test_a_wish_that_was_not_collected_comes_back_whole() -> None:
    agenda = Agenda()
    agenda.add({"a.py::z"}, {"new.py"}, "changed", "isolated")
    wish = agenda.next()
    agenda.put_back(wish)
    assert agenda.next() == wish


def test_everything_is_everything() -> None:
    agenda = Agenda()
    agenda.postpone({"a.py::x"}, "left")
    agenda.everything("first run")
    wish = agenda.next()
    assert wish.everything
    agenda.put_back(wish)
    assert agenda.next().everything
    assert agenda.empty


def test_wishes_for_one_run_are_run_as_the_strictest_of_them_says() -> None:
    agenda = Agenda()
    agenda.add({"a.py::x"}, (), "asked", "fresh")
    agenda.add({"a.py::y"}, (), "changed")
    assert agenda.next().how == "fresh"


def test_clear_forgets_all() -> None:
    agenda = Agenda()
    agenda.postpone({"a.py::x"}, "left")
    agenda.everything("asked")
    agenda.clear()
    assert agenda.empty
