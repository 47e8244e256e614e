"""`enctest report`: one file that says it all and fetches nothing."""

from __future__ import annotations

from collections.abc import Callable
from html.parser import HTMLParser

from tests.harness import Sample

MakeSample = Callable[[dict[str, str]], Sample]
FILES = {
    "test_shop.py": """
        import sqlite3
        PRICE = 3
        def test_price():
            db = sqlite3.connect(":memory:")
            found = db.execute("select ?", (PRICE,)).fetchone()[0]
            db.close()
            print("<b>found</b>", found)
            assert found == 3, "<script>alert(1)</script>"
        def test_other(): pass
    """
}


class Page(HTMLParser):
    """What is on a page.

    Attributes:
        text: All of it.
        tags: Each tag, with its attributes.
    """

    def __init__(self, source: str) -> None:
        super().__init__()
        self.text = ""
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self._open: list[str] = []
        self.feed(source)
        self.close()
        assert self._open == [], "tags are left open"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag in {"table", "details", "pre", "style", "td", "tr", "div", "span", "summary"}:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if self._open and tag == self._open[-1]:
            self._open.pop()

    def handle_data(self, data: str) -> None:
        self.text += data


def test_a_report_tells_results_failures_traces_and_what_changed(sample: MakeSample) -> None:
    project = sample(FILES)
    assert project.enctest("-q").returncode == 0
    project.replace("test_shop.py", "PRICE = 3", "PRICE = 4")
    assert project.enctest("-q").returncode == 1
    done = project.enctest("report", "out.html")
    assert (done.returncode, done.stderr) == (0, "")
    path = project.root / "out.html"
    assert done.stdout.strip() == str(path)
    assert path.stat().st_mode & 0o777 == 0o600
    page = Page(path.read_text(encoding="utf-8"))
    assert "1 failed, 1 passed" in page.text
    for words in ("test_shop.py::test_other", "assert 4 == 3", "<b>found</b> 4", "<script>alert(1)</script>"):
        assert words in page.text
    assert "compared with its last pass" in page.text
    assert "db.query.parameters 3 -> 4" in page.text
    assert "select ?" in page.text
    tags = {tag for tag, _ in page.tags}
    assert tags.isdisjoint({"script", "link", "img", "iframe", "b"})
    assert not [attributes for _, attributes in page.tags if attributes.keys() & {"src", "href", "onclick"}]


def test_a_report_of_nothing_and_one_that_cannot_be_written_are_told(sample: MakeSample) -> None:
    project = sample(FILES)
    nothing = project.enctest("report")
    assert (nothing.returncode, nothing.stdout) == (1, "")
    assert "no run is recorded here yet" in nothing.stderr
    project.enctest("-q")
    lost = project.enctest("report", "no/such/folder/out.html")
    assert lost.returncode == 4
    assert "cannot be written" in lost.stderr
    assert project.enctest("report", "--all").returncode == 4
