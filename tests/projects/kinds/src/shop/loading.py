"""Imports by computed names."""

import importlib


def load(name):
    return importlib.import_module(f"shop.plugins.{name}")


def load_plainly(name):
    __import__(f"shop.plugins.{name}")
    import sys

    return sys.modules[f"shop.plugins.{name}"]
