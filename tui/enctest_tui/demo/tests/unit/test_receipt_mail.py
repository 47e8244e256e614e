"""The text of a receipt."""

from __future__ import annotations

from shop.receipts.mail import write
from shop.receipts.outbox import Receipt


def test_it_says_what_was_paid_for_which_order() -> None:
    mail = write(Receipt("grace.hopper@example.org", 17, 1_234_50))

    assert mail.to == "grace.hopper@example.org"
    assert mail.subject == "Receipt for order 17"
    assert mail.text.startswith("Dear Grace Hopper,\n")
    assert "€1,234.50" in mail.text
