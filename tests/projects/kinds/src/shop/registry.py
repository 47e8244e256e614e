"""Things made at import."""

import json
from pathlib import Path

HANDLERS = {}


def register(key):
    def add(function):
        HANDLERS[key] = function
        return function

    return add


@register("a")
def handle_a():
    return "a"


def build():
    return ["x"]


BUILT = build()
CATALOG = json.loads(Path(__file__).parent.parent.parent.joinpath("data/catalog.json").read_text())

try:
    from shop.extra import BONUS
except ImportError:
    BONUS = 0
