import pytest
from pydantic import ValidationError

from catalog.schemas import Order, Product


def test_product_name():
    assert Product().name == "thing"


def test_product_price():
    assert Product(price=2).price == 2


def test_product_is_clean():
    assert Product(name=" x ").name == "x"


def test_order():
    assert Order(products=[{"price": 3}]).products[0].name == "thing"


def test_wrong():
    with pytest.raises(ValidationError):
        Product(price=0)
