"""The base of everything that travels between processes."""

from __future__ import annotations

import re
import time

import msgspec


def _tag(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


class Record(msgspec.Struct, frozen=True, kw_only=True, gc=False, tag_field="type", tag=_tag):
    """Base of everything that travels. It is in no reference cycle, so garbage collections can pass it by."""


class Event(Record, frozen=True, kw_only=True):
    """Something that happened at `t` (seconds since the epoch)."""

    t: float = msgspec.field(default_factory=time.time)
