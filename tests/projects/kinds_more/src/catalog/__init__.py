"""A catalogue."""

EDITION = "first"
