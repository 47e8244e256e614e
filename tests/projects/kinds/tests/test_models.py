import shop
from shop.models import Colour, Special


def test_rate():
    assert shop.RATE == 20


def test_item():
    assert shop.Item().name == "thing"


def test_colour():
    assert Colour("red") is Colour.RED


def test_special():
    assert Special().price() == 1


def test_label():
    assert Special.label == "base"
