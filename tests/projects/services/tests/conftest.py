"""What holds for all tests: no bank, and a key that is none."""

import pytest

from enctest import et
from shop.payments import payment_key


@pytest.fixture(scope="session", autouse=True)
def no_real_key() -> None:
    et.set_config(payment_key, "test")
