"""Caches: values that may be forgotten."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Final, Generic, Protocol, TypeVar, cast

from enctest.services import clock, spans
from enctest.services.generic import type_of
from enctest.services.scope import current
from enctest.services.validation import adapter

T = TypeVar("T")


class CacheStore(Protocol):
    """Where a cache keeps its entries in production, such as Redis behind two methods."""

    def get(self, key: str) -> bytes | None:
        """Return what is kept under `key`, None if there is nothing, or no longer."""

    def set(self, key: str, value: bytes | None, seconds: float | None) -> None:
        """Keep `value` for so many seconds (None: as long as there is room); None removes it."""


class MemoryStore:
    """Keeps entries in this process; what was used longest ago makes room.

    Args:
        limit: Entries at most.
    """

    def __init__(self, limit: int = 10_000) -> None:
        self._limit = limit
        self._entries: OrderedDict[str, tuple[bytes, float | None]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: str) -> bytes | None:
        """Return what is kept under `key`, None if there is nothing, or no longer."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is None:
                return None
            value, until = entry
            if until is not None and until <= clock.now():
                del self._entries[key]
                return None
            self._entries.move_to_end(key)
            return value

    def set(self, key: str, value: bytes | None, seconds: float | None) -> None:
        """Keep `value` for so many seconds (None: as long as there is room); None removes it."""
        with self._lock:
            self._entries.pop(key, None)
            if value is not None:
                self._entries[key] = (value, None if seconds is None else clock.now() + seconds)
                if len(self._entries) > self._limit:
                    self._entries.popitem(last=False)


_NOTHING: Final = object()


class Cache(Generic[T]):
    """Values by text: `prices = Cache[Price]("prices", ttl=60)`. Each test has its own, empty at first.

    Args:
        name: Comes before all keys in the store.
        type: What it holds; not needed with brackets.
        ttl: Seconds an entry is good for; None for as long as there is room.
        store: Where entries are; in this process unless given.
    """

    def __init__(
        self,
        name: str,
        type: type[T] | None = None,  # noqa: A002 - what it is
        *,
        ttl: float | None = None,
        store: CacheStore | None = None,
    ) -> None:
        self.name = name
        self.ttl = ttl
        self._type = type
        self._store: CacheStore = store if store is not None else MemoryStore()

    def get(self, key: str, default: T | None = None) -> T | None:
        """Return a copy of the value under `key`, or `default`."""
        found = self._read(key)
        return default if found is _NOTHING else cast("T", found)

    def set(self, key: str, value: T, ttl: float | None = None) -> None:
        """Keep `value` under `key`, for the cache's time or for `ttl` seconds."""
        text: bytes = self._adapter.dump_json(self._adapter.validate_python(value))
        self._here().set(f"{self.name}:{key}", text, self.ttl if ttl is None else ttl)
        spans.note("cache set", {"cache.name": self.name, "cache.key": key})

    def delete(self, key: str) -> None:
        """Forget what is under `key`, if there is anything."""
        self._here().set(f"{self.name}:{key}", None, None)
        spans.note("cache delete", {"cache.name": self.name, "cache.key": key})

    def get_or(self, key: str, make: Callable[[], T]) -> T:
        """Return what is under `key`; if nothing is, make it and keep it."""
        found = self._read(key)
        if found is not _NOTHING:
            return cast("T", found)
        made = make()
        self.set(key, made)
        return made

    def _read(self, key: str) -> object:
        text = self._here().get(f"{self.name}:{key}")
        spans.note("cache get", {"cache.name": self.name, "cache.key": key, "cache.hit": text is not None})
        return _NOTHING if text is None else self._adapter.validate_json(text)

    @property
    def _adapter(self) -> Any:
        return adapter(type_of(self, self._type, self.name))

    def _here(self) -> CacheStore:
        scope = current()
        if scope is None:
            return self._store
        store: CacheStore = scope.own.get(("cache", self)) or scope.own.setdefault(
            ("cache", self), MemoryStore()
        )
        return store
