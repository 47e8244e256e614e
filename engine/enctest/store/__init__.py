"""History on disk: outcomes, traces and dependencies, in SQLite."""
