"""Constants."""

RATE = 20
LIMIT = 3
CASES = [(1, 2), (2, 4)]
