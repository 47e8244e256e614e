from webshop.models import Offer


def test_state():
    assert Offer().state == "draft"


def test_given_state():
    assert Offer(state="open").state == "open"
