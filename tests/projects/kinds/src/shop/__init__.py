"""A shop."""

from shop.models import Item
from shop.settings import RATE

__all__ = ["RATE", "Item"]
