"""The services as a server starts them."""

from __future__ import annotations

import pytest

from shop import main


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql:///not-used")


@pytest.mark.parametrize(
    ("service", "path"),
    [("catalogue", "/products/{sku}"), ("orders", "/orders"), ("payments", "/payments")],
)
def test_every_service_describes_itself(service: str, path: str) -> None:
    assert path in getattr(main, service)().openapi()["paths"]
