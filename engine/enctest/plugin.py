"""The pytest plugin that every run in this environment loads: free until `enctest` asks for it.

PYTEST_DONT_REWRITE: a session host has imported it before pytest looks at its plugins.
"""

import os

import pytest


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config, args: list[str]) -> None:
    """Arm recording and tracing before the first conftest, in the runs of `enctest` and their workers."""
    if "ENCTEST_SPOOL" in os.environ:
        from enctest.session.spool import arm

        arm(early_config, args)


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known, which only the runs of `enctest` heed."""
    config.addinivalue_line("markers", "isolated: run the test in a process of its own (enctest)")
    config.addinivalue_line(
        "markers", "database(*names, isolation): shared, test or transaction, for managed databases (enctest)"
    )
