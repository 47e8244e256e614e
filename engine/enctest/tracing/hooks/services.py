"""Our own services: endpoints, starts, messages and caches."""

from __future__ import annotations

from types import ModuleType

from enctest.tracing.hooks.patching import Patches
from enctest.tracing.recorder import TraceRecorder


def hook(module: ModuleType, recorder: TraceRecorder, patches: Patches) -> None:
    """Let services tell the recorder."""
    patches.replace(module, "RECORDER", lambda _nobody: recorder)
