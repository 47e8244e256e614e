from shop.cart import leaf


def test_leaf():
    assert leaf() == "leaf"
