"""Compiled files with probes, kept under the state folder and found again by their source's digest."""

from __future__ import annotations

import contextlib
import hashlib
import marshal
import os
import sys
from pathlib import Path
from types import CodeType

from enctest.selection.probe import Layout

_FORMAT = b"enctest probes 8\n"


class Bytecode:
    """One file per source path, so that old ones do not pile up; its head says what it was made from.

    Args:
        state: The state folder of the project.
    """

    def __init__(self, state: Path) -> None:
        optimised = f"-o{sys.flags.optimize}" if sys.flags.optimize else ""
        self._folder = state / "bytecode" / f"{sys.implementation.cache_tag}{optimised}"

    def load(self, file: str, variant: str, digest: bytes) -> tuple[CodeType, Layout] | None:
        """Return what was kept for exactly this source, or None.

        Args:
            file: Absolute path of the source.
            variant: How it was compiled, such as the version of pytest whose rewriter had a hand in it.
            digest: SHA-256 of the source.
        """
        try:
            with open(self._place(file, variant), "rb", buffering=0) as stream:
                data = stream.readall()
        except OSError:
            return None
        head = self._head(file, digest)
        if not data.startswith(head):
            return None
        try:
            code, *layout = marshal.loads(data[len(head) :])  # noqa: S302 - our own file, in a private folder
        except (EOFError, ValueError, TypeError):
            return None
        return code, Layout(*layout)

    def keep(self, file: str, variant: str, digest: bytes, code: CodeType, layout: Layout) -> None:
        """Keep a compiled file; a folder that cannot be written keeps nothing."""
        place = Path(self._place(file, variant))
        fields = (layout.names, layout.lines, layout.cached, layout.lazy, layout.imports, layout.late)
        data = self._head(file, digest) + marshal.dumps((code, *fields))
        temporary = place.with_suffix(f".{os.getpid()}")
        with contextlib.suppress(OSError):
            place.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_bytes(data)
            temporary.replace(place)

    def _place(self, file: str, variant: str) -> str:
        key = hashlib.sha256(f"{variant}\0{file}".encode(errors="surrogatepass"))
        return os.path.join(self._folder, key.hexdigest()[:32])

    def _head(self, file: str, digest: bytes) -> bytes:
        """Say all that the code depends on: the interpreter's own build, too."""
        key = hashlib.sha256(
            b"\0".join([_FORMAT, sys.version.encode(), file.encode(errors="surrogatepass"), digest])
        )
        return _FORMAT + key.digest()
