"""enctest: a test explorer for pytest. The engine; the screen is `enctest_tui`.

PYTEST_DONT_REWRITE: a session host has imported this package before pytest looks at its plugins.
"""

__version__ = "0.1.0"
