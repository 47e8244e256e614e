"""Sends receipts in the background."""
