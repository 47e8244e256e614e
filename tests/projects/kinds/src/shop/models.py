"""Declarations."""

from dataclasses import dataclass
from enum import Enum


class Colour(Enum):
    RED = "red"


@dataclass
class Item:
    name: str = "thing"


class Base:
    label = "base"

    def price(self):
        return 1


class Special(Base):
    pass
