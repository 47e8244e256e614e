from django.test import Client


def test_offers():
    assert Client().get("/offers/").content == b"offers: draft"


def test_missing():
    assert Client().get("/nothing/").status_code == 404
