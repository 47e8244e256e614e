"""The command `enctest`."""


def main() -> int:
    """Run the command line; returns the exit code."""
    from enctest.cli.main import run

    return run()
