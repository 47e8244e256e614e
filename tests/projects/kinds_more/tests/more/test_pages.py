from catalog.pages import page


def test_page_first():
    assert page("you") == "<main>Hello you</main>"


def test_page_second():
    assert page("me") == "<main>Hello me</main>"
