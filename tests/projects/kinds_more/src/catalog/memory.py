"""Values that objects keep."""

from functools import cached_property


def made():
    return "made"


def counted():
    return 3


class Rates:
    def __init__(self):
        self._rate = None

    def rate(self):
        if self._rate is None:
            self._rate = made()
        return self._rate

    @cached_property
    def count(self):
        return counted()


RATES = Rates()
