"""The screen: a Textual app over the explorer's events."""
