"""Found by an entry point."""


def as_text():
    return "text"


def as_lines():
    return "lines"
