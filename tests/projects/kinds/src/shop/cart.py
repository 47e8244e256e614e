"""Functions."""

from functools import lru_cache, wraps

from shop.settings import LIMIT


def total(prices):
    return sum(prices)


def discount(price):
    """Ten percent."""
    return price * 9 // 10


def limited(count, limit=LIMIT):
    return min(count, limit)


def helper():
    return 7


def in_thread(out):
    out.append(1)


def compute():
    return 42


@lru_cache
def cached():
    return compute()


_memo = {}


def made():
    return "made"


def remembered():
    if "value" not in _memo:
        _memo["value"] = made()
    return _memo["value"]


_lazy = None


def make_lazy():
    return "lazy"


def lazy():
    global _lazy
    if _lazy is None:
        _lazy = make_lazy()
    return _lazy


def times(factor):
    offset = 0

    def decorate(function):
        @wraps(function)
        def wrapper():
            return function() * factor + offset

        return wrapper

    return decorate


@times(2)
def decorated():
    return 5


def numbers():
    yield 1
    yield 2


def leaf():
    return "leaf"


def unused():
    return 0
