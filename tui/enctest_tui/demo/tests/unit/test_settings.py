"""Settings from the environment."""

from __future__ import annotations

import pytest

from shop import settings


def test_the_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PAYMENTS_URL", raising=False)

    assert (settings.payments_url(), settings.receipts_queue()) == ("http://localhost:8003", "receipts")


@pytest.mark.parametrize("environment", [{}, {"DATABASE_URL": ""}], ids=["missing", "empty"])
def test_without_a_database_it_says_so(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(LookupError, match="DATABASE_URL is not set"):
        str(settings.database.url)
