"""Takes money from cards, once per order."""
