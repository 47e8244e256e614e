"""The command `enctest`."""


def main() -> int:
    """Run the command line; returns the exit code."""
    import os

    from enctest.cli.main import run

    os.environ.pop("ENCTEST_TEST", None)  # whoever started this, its runs are no part of a test
    return run()
