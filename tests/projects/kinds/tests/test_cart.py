import threading

import pytest

from shop import cart
from shop.settings import CASES


def test_total():
    assert cart.total([1, 2]) == 3


def test_discount():
    assert cart.discount(10) == 9


def test_limited():
    assert cart.limited(9) == 3


def test_thread():
    out = []
    thread = threading.Thread(target=cart.in_thread, args=(out,))
    thread.start()
    thread.join()
    assert out == [1]


def test_cached_first():
    assert cart.cached() == 42


def test_cached_second():
    assert cart.cached() == 42


def test_remembered_first():
    assert cart.remembered() == "made"


def test_remembered_second():
    assert cart.remembered() == "made"


def test_lazy_first():
    assert cart.lazy() == "lazy"


def test_lazy_second():
    assert cart.lazy() == "lazy"


def test_decorated():
    assert cart.decorated() == 10


def test_never_iterated():
    assert not isinstance(cart.numbers(), int)


@pytest.mark.parametrize(("given", "expected"), CASES)
def test_doubled(given, expected):
    assert given * 2 == expected


def test_patched(monkeypatch):
    monkeypatch.setattr("shop.cart.leaf", lambda: "other")
    assert cart.leaf() == "other"
