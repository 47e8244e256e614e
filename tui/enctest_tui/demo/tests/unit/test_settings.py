"""Settings from the environment."""

from __future__ import annotations

import pytest

from shop.settings import Settings


def test_the_database_is_enough() -> None:
    settings = Settings.from_environment({"DATABASE_URL": "postgresql:///shop"})

    assert settings == Settings("postgresql:///shop", "http://localhost:8003", "receipts")


@pytest.mark.parametrize("environment", [{}, {"DATABASE_URL": ""}], ids=["missing", "empty"])
def test_without_a_database_it_says_so(environment: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="DATABASE_URL is not set"):
        Settings.from_environment(environment)
