from catalog.rules import NAMESPACE


def test_rule():
    assert NAMESPACE["rule"]() == 42
