"""enctest: a test explorer for pytest. The engine; the screen is `enctest_tui`."""

__version__ = "0.1.0"
