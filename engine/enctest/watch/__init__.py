"""File changes, by content."""
