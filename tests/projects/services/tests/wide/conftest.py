"""What holds for all tests of this folder."""

import pytest

from enctest import et
from shop.orders import most_pieces


@pytest.fixture(scope="package", autouse=True)
def few_pieces() -> None:
    et.set_config(most_pieces, 1)
