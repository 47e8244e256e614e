"""Spans: capture in a test process, and the tree they form."""
