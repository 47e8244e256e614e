"""Jinja keeps templates: a changed one selects the tests that render it, cached or not, and no others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.engine.selection.conftest import Lab

PAGES = """
    import jinja2

    ENVIRONMENT = jinja2.Environment(loader=jinja2.FileSystemLoader(["own", "templates"]), auto_reload=False)

    def first():
        return ENVIRONMENT.get_template("first.html").render()

    def second():
        return ENVIRONMENT.get_template("second.html").render()
"""
TESTS = """
    import pages

    def test_first():
        assert "first" in pages.first()

    def test_second():
        assert "second" in pages.second()

    def test_second_again():
        assert "second" in pages.second()

    def test_other():
        pass
"""


@pytest.fixture
def site(lab: Lab) -> Lab:
    """A project whose templates extend and include each other."""
    lab.write("templates/base.html", "<title>{% block title %}{% endblock %}</title>")
    lab.write("templates/first.html", "{% extends 'base.html' %}{% block title %}first{% endblock %}")
    lab.write("templates/part.html", "part")
    lab.write(
        "templates/second.html",
        "{% extends 'base.html' %}{% block title %}second {% include 'part.html' %}{% endblock %}",
    )
    lab.write("pages.py", PAGES)
    lab.write("test_a.py", TESTS)
    lab.write("test_b.py", "import pages\n\n\ndef test_elsewhere():\n    assert 'second' in pages.second()\n")
    lab.record()
    return lab


def names(lab: Lab) -> set[str]:
    return {test.rpartition("::")[2] for test in lab.ask().tests}


def test_a_template_selects_who_renders_it(site: Lab) -> None:
    site.replace("templates/first.html", "first", "1st")
    assert names(site) == {"test_first"}


def test_also_when_it_was_cached(site: Lab) -> None:
    site.replace("templates/second.html", "second", "2nd")
    assert names(site) == {"test_second", "test_second_again", "test_elsewhere"}


def test_also_by_an_include_of_a_cached_one(site: Lab) -> None:
    site.replace("templates/part.html", "part", "share")
    assert names(site) == {"test_second", "test_second_again", "test_elsewhere"}


def test_also_by_a_base_that_another_page_has_loaded(site: Lab) -> None:
    site.replace("templates/base.html", "title", "h1")
    assert names(site) == {"test_first", "test_second", "test_second_again", "test_elsewhere"}


def test_a_template_that_now_comes_before_it(site: Lab) -> None:
    site.write("own/second.html", "another")
    assert {"test_second", "test_second_again", "test_elsewhere"} <= names(site)
    assert "test_other" not in names(site)


def test_the_projects_own_loader(lab: Lab) -> None:
    lab.write(
        "pages.py",
        """
        import jinja2

        def source(name):
            return "text"

        ENVIRONMENT = jinja2.Environment(loader=jinja2.FunctionLoader(source), auto_reload=False)

        def page():
            return ENVIRONMENT.get_template("a").render()
        """,
    )
    lab.write(
        "test_a.py",
        """
        import pages

        def test_a():
            assert pages.page() == "text"

        def test_b():
            assert pages.page() == "text"

        def test_other():
            pass
        """,
    )
    lab.record()
    lab.replace("pages.py", 'return "text"', 'return "other"')
    assert names(lab) == {"test_a", "test_b"}
