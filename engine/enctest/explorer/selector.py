"""stopgap"""

from __future__ import annotations
import hashlib, os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from enctest.events import *
from enctest.paths import Project
from enctest.session.job import HostReady
from enctest.store.history import History


@dataclass
class Effect:
    paths: tuple[str, ...] = ()
    tests: dict[str, str] = field(default_factory=dict)
    new_in: set[str] = field(default_factory=set)
    everything: bool = False
    saved_at: float = 0.0

    def restarts_host(self, ready):
        return False


class Selector:
    def __init__(self, project, history, python):
        self.root = project.root
        self.h = {}

    def scan(self):
        return Effect()

    def changed(self, paths):
        c = []
        t = 0.0
        for p in paths:
            try:
                d = p.read_bytes()
                t = max(t, p.stat().st_mtime)
            except OSError:
                d = b""
            if self.h.get(p) != d:
                self.h[p] = d
                c.append(p.relative_to(self.root).as_posix())
        return Effect(paths=tuple(c), everything=bool(c), saved_at=t)

    pretend = changed

    def feed(self, r):
        pass

    def is_stale(self, t):
        return False

    def why(self, t):
        return ""

    def note(self, r):
        pass

    def forget(self, t):
        pass

    def renamed(self, a, b):
        pass

    def changed_rows(self):
        return {}

    def may_hold_tests(self, f):
        return True

    def using_databases(self):
        return ()
