"""Which names a file mentions, and whether it looks at whole namespaces: who could find a function there."""

from __future__ import annotations

import ast
import re
import zlib
from collections.abc import Iterator
from typing import Literal

Reflection = Literal["", "own", "any"]
"""A file goes through no namespaces, its own (with all it star-imports), or those of any module."""

_WORD = re.compile(rb"[A-Za-z_]\w*")
_PLACEHOLDER = re.compile(rb"%[sdr]")
_HINT = re.compile(rb"\b(?:globals|locals|vars|dir|__dict__|getmembers|getmembers_static|pydoc|doctest)\b")
_LARGEST_DATA = 64 * 1024
_SIZE = 4


def mentioned_words(path: str, source: bytes) -> bytes:
    """Return the words of a file as one string of keys; of data files only when they are small."""
    if not path.endswith(".py") and len(source) > _LARGEST_DATA:
        return b""
    words = set(_WORD.findall(_PLACEHOLDER.sub(b" ", source)))
    return b"".join(sorted(map(_key, words)))


def keys_of(name: str) -> list[bytes]:
    """Return the keys under which a name would be mentioned, whole or put together from two parts."""
    parts = name.split("_")
    cuts = range(1, len(parts))
    heads = ["_".join(parts[:cut]) + "_" for cut in cuts]
    tails = ["_" + "_".join(parts[cut:]) for cut in cuts]
    return [_key(word.encode()) for word in dict.fromkeys([name, *heads, *tails]) if word.strip("_")]


def mentions(words: bytes, keys: list[bytes]) -> bool:
    """Tell whether any of the keys is among the words; by a rare chance also when none is."""
    return any(key in words for key in keys)


def reflection(source: bytes, tree: ast.Module) -> Reflection:
    """Return which namespaces a file may go through."""
    if not _HINT.search(source):
        return ""
    found = set(_reflections(tree))
    return "any" if "any" in found else "own" if "own" in found else ""


def _reflections(tree: ast.Module) -> Iterator[Reflection]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            yield _of_call(node.func.id, node.args)
        elif isinstance(node, ast.Attribute):
            if node.attr.startswith("getmembers") or (
                node.attr == "__dict__" and not _is_instance(node.value)
            ):
                yield "any"
        elif isinstance(node, ast.alias) and node.name in {
            "getmembers",
            "getmembers_static",
            "pydoc",
            "doctest",
        }:
            yield "any"


def _of_call(function: str, arguments: list[ast.expr]) -> Reflection:
    if function in {"globals", "locals"}:
        return "own"
    if function in {"vars", "dir"}:
        return "own" if not arguments else "" if _is_instance(arguments[0]) else "any"
    return ""


def _is_instance(node: ast.expr) -> bool:
    """Tell whether an expression is surely no module: `self`, `cls`, `type(...)`, `x.__class__`."""
    if isinstance(node, ast.Name):
        return node.id in {"self", "cls"}
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name) and node.func.id in {"type", "super"}
    return isinstance(node, ast.Attribute) and node.attr == "__class__"


def _key(word: bytes) -> bytes:
    return zlib.crc32(word).to_bytes(_SIZE, "big")
