"""The words that records share."""

from __future__ import annotations

from typing import Any, Literal

Outcome = Literal["passed", "failed", "error", "skipped", "xfailed", "xpassed", "crashed"]
"""How a test ended. `error` is a failure outside the call phase, or of a file's collection (the node id
is then the file's); `crashed` means the worker died, or was killed, while the test ran."""

BAD_OUTCOMES: frozenset[str] = frozenset({"failed", "error", "crashed"})

DebugHow = Literal["failure", "start", "ide", "ide-start"]
"""Under a debugger that stops where the test fails, or at its first line: in the terminal, or in an IDE."""
How = Literal["warm", "fresh", "isolated"]
"""How tests run: `warm` from the deepest snapshot that is still true; `fresh` in a pytest process that was
started for them; `isolated` each in a process of its own, forked after collection."""

Before = Literal["pass", "previous"]
"""An earlier trace of the same test: its last pass before, or the run before."""
Against = Literal["pass", "previous", "other"]
"""What a test's trace is compared with: an earlier one, or another test's last one."""

SpanKind = Literal["test", "phase", "fixture", "internal", "db", "client", "server", "producer", "consumer"]
"""`test` is the root, `phase` is setup, call or teardown, `db` a query, `client`/`server` HTTP or RPC;
the rest are OpenTelemetry's kinds."""

SpanStatus = Literal["ok", "error", "unset"]

Attributes = dict[str, Any]
"""Attribute values are str, int, float, bool or lists of these, named by the semantic conventions."""
